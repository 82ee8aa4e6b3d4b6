import { acquireServeLock } from '../../../src/store/serve-lock.ts'

// A process that takes the serve lock of a data directory, announces its address if given, and keeps running.
const [dataDir = '', address] = process.argv.slice(2)
const lock = acquireServeLock(dataDir)
if (address) lock.announce(address)
// The lock must outlive a garbage collection without references to it.
await new Promise(setImmediate)
Bun.gc(true)
process.stdout.write('held\n')
setInterval(() => {}, 60_000)
