import { acquireServeLock } from '../../../src/store/serve-lock.ts'

/** Run as a process of its own: takes the lock of the directory, says where it listens if it is told, and stays. */
const [dataDir = '', address] = process.argv.slice(2)
const lock = acquireServeLock(dataDir)
if (address) lock.announce(address)
// Nothing here refers to the lock any more: it has to outlive that.
await new Promise(setImmediate)
Bun.gc(true)
process.stdout.write('held\n')
setInterval(() => {}, 60_000)
