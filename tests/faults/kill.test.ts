import { describe, expect, test } from 'bun:test'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { integrityOf } from '../testkit/faults/integrity.ts'
import { loadUntilKilled } from '../testkit/faults/user-load.ts'
import type { TokenPair, UserRecord } from '../testkit/faults/user-record.ts'
import { verifyUsers } from '../testkit/faults/verify-users.ts'
import { fileMode, fileModes, setUmask } from '../testkit/file-modes.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// Repeated kill -9 during logins, refreshes, revocations, and adding and deleting users, over one data directory:
// everything acknowledged survives, and everything else took effect completely or not at all.

const rounds = Number(process.env.CIKIT_FAULT_ROUNDS ?? 20)
const limitMs = 60_000 + rounds * 10_000

const randomUpTo = (max: number) => 1 + Math.floor(Math.random() * max)
type StartServer = (commandPrefix?: string[]) => Promise<ServerProcess>

describe(`${rounds} rounds of kill -9 under load lose nothing that was acknowledged`, () => {
  test(
    'right after a response, during other requests',
    () =>
      killInRounds(async (start, ownerTokens, records) => {
        await using server = await start()
        await loadUntilKilled(server, ownerTokens, records, randomUpTo(80))
      }),
    limitMs,
  )

  test(
    'between two writes of one transaction',
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
  // Each user has a separate address, because verification causes failures, which are counted by address.
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
    // Alternate, so that the next process starts with and without a write-ahead log.
    await server.stop(round % 2 === 0 ? 'SIGTERM' : 'SIGKILL')
  }
}

async function logInOwner(start: StartServer): Promise<TokenPair> {
  await using server = await start()
  return await server.logIn(await server.createUser('owner', 'owner'))
}

/** At least this many writes happen before the first request. */
const START_WRITES = 20

/** Kills the process with strace at its nth write. With -D the process stays a child of the test. */
function killedAtWrite(nth: number): string[] {
  const inject = `inject=pwrite64:signal=SIGKILL:when=${nth}`
  return ['strace', '-D', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=pwrite64', '-e', inject]
}

/** Files of the data directory that other users may access, including the directory itself. */
function permissiveFiles(dataDir: string): string[] {
  const modes = { ...fileModes(dataDir), '.': fileMode(dataDir) }
  return Object.entries(modes).flatMap(([name, mode]) => (/^[0-7]00$/.test(mode) ? [] : `${name} ${mode}`))
}
