import { Database } from 'bun:sqlite'

// What a durable transaction takes at least: one row into a database, on the disk before the next. `bare-insert.ts FILE MS`
// does so for so many milliseconds and prints how many there were in a second; without MS it does so for every request, and
// prints the port that it listens on.

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
