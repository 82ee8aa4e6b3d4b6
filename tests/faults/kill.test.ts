import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { startMatrix } from '../_support/e2e/matrix.ts'
import { audit } from '../_support/faults/audit.ts'
import type { Life } from '../_support/faults/life.ts'
import { loadUntilKilled } from '../_support/faults/load.ts'
import { modeOf, modesIn, umask } from '../_support/modes.ts'
import { tempDir } from '../_support/temp-dir.ts'

// kill -9 in the middle of logins, refreshes, revokes, and adds and deletions of users, again and again over one data
// directory: nothing that was acknowledged is lost, and what was not is there as a whole or not at all.

const rounds = Number(process.env.CIKIT_FAULT_ROUNDS ?? 20)
const MOST_ACKNOWLEDGEMENTS = 80

test(
  `${rounds} rounds of kill -9 under load lose nothing that was acknowledged`,
  async () => {
    using _ = umask(0)
    using dir = tempDir()
    // Each user comes from an address of its own: the tried codes are failures, and those are counted by address.
    const options = {
      socket: '/nonexistent/docker.sock',
      dataDir: dir.path,
      flags: ['--trusted-proxies', '127.0.0.1'],
    }
    const lives: Life[] = []
    let matrix = await startMatrix(options)
    try {
      const owner = await matrix.logIn(await matrix.createUser('owner', 'owner'))
      for (let round = 1; round <= rounds; round++) {
        await loadUntilKilled(matrix, owner, lives, 1 + Math.floor(Math.random() * MOST_ACKNOWLEDGEMENTS))
        matrix = await startMatrix(options)
        const findings = await audit(matrix, owner, lives)
        expect({ round, findings }).toEqual({ round, findings: [] })
        expect({ round, integrity: integrityOf(dir.path) }).toEqual({ round, integrity: 'ok' })
        expect(openFiles(dir.path)).toEqual([])
      }
      expect(await matrix.stop()).toBe(0)
    } finally {
      await matrix[Symbol.asyncDispose]()
    }
  },
  60_000 + rounds * 10_000,
)

function integrityOf(dataDir: string): unknown {
  using db = new Sqlite(join(dataDir, 'cikit-api.db'), { readonly: true })
  return db.query<{ integrity_check: string }, []>('PRAGMA integrity_check').get()?.integrity_check
}

/** What in the data directory, or that itself, others may use. */
function openFiles(dataDir: string): string[] {
  const modes = { ...modesIn(dataDir), '.': modeOf(dataDir) }
  return Object.entries(modes).flatMap(([name, mode]) => (/^[0-7]00$/.test(mode) ? [] : `${name} ${mode}`))
}
