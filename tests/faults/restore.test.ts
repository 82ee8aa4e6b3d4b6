import { beforeAll, expect, test } from 'bun:test'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { integrityOf } from '../testkit/faults/integrity.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// kill -9 at system calls by which a restore changes the disk: the data directory is then completely old or completely
// new, and repeating the command succeeds.

const rounds = Number(process.env.CIKIT_FAULT_ROUNDS ?? 20)
const limitMs = 60_000 + rounds * 15_000

/** System calls that change directory entries or make them durable. */
const SYSCALLS =
  'rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,copy_file_range,chmod,fchmodat'

const dir = tempDir()
const path = (name: string) => join(dir.path, name)
const restoreArgs = (dataDir: string) => ['restore', path('a.tar'), '--force', '--data-dir', dataDir]

beforeAll(async () => {
  await run([binary, 'create-user', '-u', 'saved', '-g', 'owner', '--data-dir', path('host')])
  const keys = join(path('host'), 'credentials/cikit01')
  await run(['mkdir', '-p', keys])
  for (const kind of ['private', 'public']) writeFileSync(join(keys, `cikit01.${kind}.key`), `${kind} of cikit01\n`)
  await run([binary, 'backup', path('a.tar'), '--data-dir', path('host')])
  // Another host with the same encryption keys and an additional user.
  cpSync(path('host'), path('current'), { recursive: true })
  await run(['rm', '-r', join(path('current'), 'credentials')])
  await run([binary, 'create-user', '-u', 'current', '-g', 'viewer', '--data-dir', path('current')])
})

test(
  `a killed restore leaves the old or the new data (${rounds} moments)`,
  async () => {
    const killPoints = await listKillPoints()
    expect(killPoints.length).toBeGreaterThan(20)
    const seenUsers = new Set<string>()
    for (const [index, killPoint] of sampleEvenly(killPoints, rounds).entries()) {
      const dataDir = path(`round-${index}`)
      cpSync(path('current'), dataDir, { recursive: true })
      expect({ killPoint, code: await exitCodeOfKilled(killPoint, restoreArgs(dataDir)) }).toEqual({
        killPoint,
        code: 137,
      })
      // The next command of any kind completes or reverts the restore.
      const users = await usersOf(dataDir)
      expect(['saved', 'saved current']).toContain(users)
      seenUsers.add(users)
      if (users === 'saved') expect(keysIn(dataDir)).toEqual(['cikit01.private.key', 'cikit01.public.key'])
      await run([binary, ...restoreArgs(dataDir)])
      expect({ killPoint, users: await usersOf(dataDir), keys: keysIn(dataDir) }).toEqual({
        ...{ killPoint, users: 'saved' },
        keys: ['cikit01.private.key', 'cikit01.public.key'],
      })
      expect(readFileSync(join(dataDir, 'credentials/cikit01/cikit01.private.key'), 'utf8')).toBe(
        'private of cikit01\n',
      )
      expect(integrityOf(dataDir)).toBe('ok')
      expect(readdirSync(dataDir).filter(name => /^restore-|part/.test(name))).toEqual([])
      await run(['rm', '-r', dataDir])
    }
    expect(seenUsers).toEqual(new Set(['saved', 'saved current']))
    dir[Symbol.dispose]()
  },
  limitMs,
)

/** The nth call of a system call. */
interface KillPoint {
  call: string
  nth: number
}

/** All calls of the busiest thread. */
async function listKillPoints(): Promise<KillPoint[]> {
  const dataDir = path('counted')
  cpSync(path('current'), dataDir, { recursive: true })
  const trace = path('trace')
  await run(['strace', '-f', '-qq', '-o', trace, '-e', `trace=${SYSCALLS}`, binary, ...restoreArgs(dataDir)])
  const lines = [...readFileSync(trace, 'utf8').matchAll(/^(\d+) +(\w+)\(/gm)]
  const byThread = Map.groupBy(lines, ([, thread]) => thread)
  const [busiestThread = []] = [...byThread.values()].toSorted((left, right) => right.length - left.length)
  const counts = new Map<string, number>()
  return busiestThread.map(([, , call = '']) => {
    const nth = (counts.get(call) ?? 0) + 1
    counts.set(call, nth)
    return { call, nth }
  })
}

/** Runs the binary under strace, which kills it at that system call. */
async function exitCodeOfKilled({ call, nth }: KillPoint, args: string[]): Promise<number> {
  const inject = `inject=${call}:signal=SIGKILL:when=${nth}`
  const child = Bun.spawn(
    ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject, binary, ...args],
    { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
  )
  return await child.exited
}

/** Picks random items, spread evenly; all of them if there are no more than `count`. */
function sampleEvenly<T>(items: T[], count: number): T[] {
  if (count >= items.length) return items
  const indexAt = (index: number) => Math.floor(((index + Math.random()) * items.length) / count)
  return Array.from({ length: count }, (_, index) => items.slice(indexAt(index))[0]).filter(item => item !== undefined)
}

async function usersOf(dataDir: string): Promise<string> {
  const users: { username: string }[] = JSON.parse(await run([binary, 'user', 'list', '--json', '--data-dir', dataDir]))
  return users.map(({ username }) => username).join(' ')
}

function keysIn(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'credentials/cikit01')).toSorted()
}
