import { Database } from 'bun:sqlite'

// What a durable transaction takes at least: a new database in the file that is named, one row after another for so many
// milliseconds, each on the disk before the next. Prints how many there were in a second.

const [file = '', duration = ''] = process.argv.slice(2)
const sql = new Database(file, { create: true })
sql.run('PRAGMA journal_mode = WAL')
sql.run('PRAGMA synchronous = FULL')
sql.run('CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT')
const insert = sql.query('INSERT INTO rows (text) VALUES (?)')
const start = performance.now()
const end = start + Number(duration)
let count = 0
while (performance.now() < end) {
  insert.run('one row')
  count++
}
process.stdout.write(`${(count / (performance.now() - start)) * 1000}\n`)
