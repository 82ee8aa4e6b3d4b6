import type { CoreConfig } from '../../../src/config/types.ts'
import { inspectStore, type StoreReport } from '../../../src/store/inspect.ts'
import { pluralize } from '../../shared/pluralize.ts'
import { type Finding, failed, ok, warning } from './finding.ts'

/** Checks the database's integrity, version and encryption key. */
export async function checkStore(config: CoreConfig): Promise<Finding[]> {
  const report = await inspectStore(config)
  if (!report) return [warning('database', 'does not exist yet: the first start creates it')]
  if (report.damage.length > 0) {
    return [failed('database', `corrupt (${report.damage.join('; ')}): restore a backup with cikit-api restore`)]
  }
  return [ok('database', 'no corruption found'), checkMigration(report), ...checkKey(report), ...checkOwner(report)]
}

function checkMigration({ migration, newestMigration, conversion }: StoreReport): Finding {
  if (typeof conversion === 'object') return failed('migrations', conversion.problem)
  if (conversion === 'next start') {
    return warning('migrations', 'a development build wrote the database: the next start copies and converts it')
  }
  const current = `the database is at migration ${migration}`
  const supported = `this program supports up to ${newestMigration}`
  if (migration > newestMigration) return failed('migrations', `${current}, ${supported}: use the newer binary`)
  if (migration < newestMigration) {
    return warning('migrations', `${current}, ${supported}: the next start copies the database and migrates it`)
  }
  return ok('migrations', current)
}

function checkKey({ key, keyFile }: StoreReport): Finding[] {
  if (key === 'missing') return [failed('encryption key', `${keyFile} is missing: restore it, or nobody can log in`)]
  if (key === 'wrong') {
    return [failed('encryption key', `${keyFile} is not the key of this database: restore the right one`)]
  }
  if (key === 'unneeded') return [ok('encryption key', 'nothing is encrypted yet')]
  return key === 'right' ? [ok('encryption key', `${keyFile} is the key of this database`)] : []
}

function checkOwner({ key, users, owner }: StoreReport): Finding[] {
  if (key === 'unknown') return []
  if (owner === undefined) {
    return [warning('owner', 'there is no owner: create one with cikit-api create-user -u NAME -g owner')]
  }
  return [ok('owner', `${owner} (${pluralize(users, 'user')} in total)`)]
}
