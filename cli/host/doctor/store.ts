import type { CoreConfig } from '../../../src/config/config.ts'
import { inspectStore, type StoreReport } from '../../../src/store/inspect.ts'
import { type Finding, failed, ok, warning } from './finding.ts'

/** Whether the database is sound, of this version, and its key the right one. */
export async function checkStore(config: CoreConfig): Promise<Finding[]> {
  const report = await inspectStore(config)
  if (!report) return [warning('database', 'there is none yet: it is made at the first start')]
  if (report.damage.length > 0) {
    return [failed('database', `it is corrupt (${report.damage.join('; ')}): restore a backup with cikit-api restore`)]
  }
  return [ok('database', 'it is sound'), checkMigration(report), ...checkKey(report), ...checkOwner(report)]
}

function checkMigration({ migration, newestMigration, conversion }: StoreReport): Finding {
  if (typeof conversion === 'object') return failed('migrations', conversion.problem)
  if (conversion === 'next start') {
    return warning('migrations', 'a development build wrote the database: the next start copies and converts it')
  }
  const [current, supported] = [`the database is at migration ${migration}`, `this program knows ${newestMigration}`]
  if (migration > newestMigration) return failed('migrations', `${current}, ${supported}: use the newer binary`)
  if (migration < newestMigration) {
    return warning('migrations', `${current}, ${supported}: the next start copies the database and migrates it`)
  }
  return ok('migrations', current)
}

function checkKey({ key, keyFile }: StoreReport): Finding[] {
  if (key === 'missing') return [failed('sealing key', `${keyFile} is missing: put it back, or nobody can log in`)]
  if (key === 'wrong') {
    return [failed('sealing key', `${keyFile} is not the key of this database: put the right one back`)]
  }
  if (key === 'unneeded') return [ok('sealing key', 'nothing is sealed yet')]
  return key === 'right' ? [ok('sealing key', `${keyFile} is the right one`)] : []
}

function checkOwner({ key, users, owner }: StoreReport): Finding[] {
  if (key === 'unknown') return []
  if (owner === undefined) {
    return [warning('owner', 'there is no owner: make one with cikit-api create-user -u NAME -g owner')]
  }
  return [ok('owner', `${owner}, and ${users} ${users === 1 ? 'user' : 'users'} in all`)]
}
