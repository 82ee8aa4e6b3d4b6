import { Database } from 'bun:sqlite'

// The minimum cost of a durable transaction: inserting one row, which is on disk before the next. `bare-insert.ts FILE
// MS` inserts for MS milliseconds and prints the inserts per second. Without MS it serves HTTP, inserts a row per
// request and prints its port.

const [file = '', durationMs] = process.argv.slice(2)
const sql = new Database(file, { create: true })
sql.run('PRAGMA journal_mode = WAL')
sql.run('PRAGMA synchronous = FULL')
sql.run('CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT')
const insert = sql.query('INSERT INTO rows (text) VALUES (?)')

if (durationMs === undefined) {
  const respond = () => {
    insert.run('one row')
    return new Response('ok')
  }
  process.stdout.write(`${Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: respond }).port}\n`)
} else {
  const start = performance.now()
  const end = start + Number(durationMs)
  let count = 0
  while (performance.now() < end) {
    insert.run('one row')
    count++
  }
  process.stdout.write(`${(count / (performance.now() - start)) * 1000}\n`)
}
