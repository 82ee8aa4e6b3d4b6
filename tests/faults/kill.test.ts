import { Database as Sqlite } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { loadUntilKilled } from '../testkit/faults/user-load.ts'
import type { TokenPair, UserRecord } from '../testkit/faults/user-record.ts'
import { verifyUsers } from '../testkit/faults/verify-users.ts'
import { fileMode, fileModes, setUmask } from '../testkit/file-modes.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// kill -9 in the middle of logins, refreshes, revokes, and adds and deletions of users, again and again over one data
// directory: nothing that was acknowledged is lost, and what was not is there as a whole or not at all.

const rounds = Number(process.env.CIKIT_FAULT_ROUNDS ?? 20)
const limitMs = 60_000 + rounds * 10_000

const randomUpTo = (max: number) => 1 + Math.floor(Math.random() * max)
type StartServer = (commandPrefix?: string[]) => Promise<ServerProcess>

describe(`${rounds} rounds of kill -9 under load lose nothing that was acknowledged`, () => {
  test(
    'right after an answer, while other requests are under way',
    () =>
      killInRounds(async (start, ownerTokens, records) => {
        await using server = await start()
        await loadUntilKilled(server, ownerTokens, records, randomUpTo(80))
      }),
    limitMs,
  )

  test(
    'between two writes to the file of one transaction',
    () =>
      killInRounds(async (start, ownerTokens, records) => {
        await using server = await start(killedAtWrite(START_WRITES + randomUpTo(600)))
        await loadUntilKilled(server, ownerTokens, records)
      }),
    limitMs,
  )
})

async function killInRounds(
  runUntilKilled: (start: StartServer, ownerTokens: TokenPair, records: UserRecord[]) => Promise<void>,
): Promise<void> {
  using _ = setUmask(0)
  using dir = tempDir()
  const dataDir = dir.path
  // Each user comes from an address of its own: the tried codes are failures, and those are counted by address.
  const flags = ['--trusted-proxies', '127.0.0.1']
  const start: StartServer = (commandPrefix = []) =>
    startServerProcess({ socket: '/nonexistent/docker.sock', dataDir, flags, commandPrefix })
  const ownerTokens = await logInOwner(start)
  const records: UserRecord[] = []
  for (let round = 1; round <= rounds; round++) {
    await runUntilKilled(start, ownerTokens, records)
    await using server = await start()
    const findings = await verifyUsers(server, ownerTokens, records)
    expect({ round, findings }).toEqual({ round, findings: [] })
    expect({ round, integrity: integrityOf(dataDir) }).toEqual({ round, integrity: 'ok' })
    expect(permissiveFiles(dataDir)).toEqual([])
    // In turn, so that the next process finds the log as it was left, or none.
    await server.stop(round % 2 === 0 ? 'SIGTERM' : 'SIGKILL')
  }
}

async function logInOwner(start: StartServer): Promise<TokenPair> {
  await using server = await start()
  return await server.logIn(await server.createUser('owner', 'owner'))
}

/** So many writes, and a few more, are made before the first request comes. */
const START_WRITES = 20

/** By strace, which with -D leaves the process our child: the kernel kills it when it asks to write for the nth time. */
function killedAtWrite(nth: number): string[] {
  const inject = `inject=pwrite64:signal=SIGKILL:when=${nth}`
  return ['strace', '-D', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=pwrite64', '-e', inject]
}

function integrityOf(dataDir: string): unknown {
  using db = new Sqlite(join(dataDir, 'cikit-api.db'), { readonly: true })
  return db.query<{ integrity_check: string }, []>('PRAGMA integrity_check').get()?.integrity_check
}

/** What in the data directory, or that itself, others may use. */
function permissiveFiles(dataDir: string): string[] {
  const modes = { ...fileModes(dataDir), '.': fileMode(dataDir) }
  return Object.entries(modes).flatMap(([name, mode]) => (/^[0-7]00$/.test(mode) ? [] : `${name} ${mode}`))
}
