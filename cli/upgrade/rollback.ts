import { existsSync } from 'node:fs'
import type { AccessConfig } from '../../src/config.ts'
import { OperatorError } from '../../src/errors.ts'
import { compareWith, type EarlierCopy, findCopy, type Lost, migrationOf } from '../../src/store/earlier.ts'
import { rollBackData } from '../../src/upgrade/roll-back.ts'
import { asOwnerOf } from '../act-as-owner.ts'
import { bringBack, describe, previousOf, swapIn } from './binary.ts'
import { findService } from './service.ts'
import { whatIsLeft } from './upgrade.ts'

interface Rollback {
  /** Absolute path. */
  binary: string
  place: AccessConfig
  user: string
  /** Asked once it was said what would be lost. */
  confirm: () => Promise<boolean>
  say: (line: string) => void
}

/**
 * Brings the previous binary back, and the copy of the data that it can read where it cannot read the present one.
 * @throws OperatorError
 */
export async function rollback({ binary, place, user, confirm, say }: Rollback): Promise<void> {
  const { dataDir } = place
  const previous = previousOf(binary)
  if (!existsSync(previous))
    throw new OperatorError(`There is no ${previous}: an upgrade leaves one, and an install over another version`)
  const [last, present] = [await describe(previous), await describe(binary)]
  const copy = await asOwnerOf(dataDir, async () => copyFor(last.migration, dataDir, last.version))
  if (copy) {
    const lost = await asOwnerOf(dataDir, async () => compareWith(dataDir, copy))
    if (!lost.sameKey)
      throw new OperatorError('The sealing key was replaced since the copy was made: restore a backup that has its key')
    say(inWords(last.version, copy, lost))
    if (!(await confirm())) throw new OperatorError('Nothing was changed: say --yes if that is meant')
  }
  const service = await findService(binary, dataDir)
  if (copy) {
    await service?.stop()
    const act = { user, address: 'host', action: 'upgrade.rollback' }
    const note = `${present.version} to ${last.version}`
    const aside = await asOwnerOf(dataDir, () => rollBackData(place, copy, act, { ending: true, note }))
    say(`Restored the data of ${new Date(copy.time).toISOString()}; that of now is in ${aside}`)
  }
  swapIn(bringBack(binary), binary).settle()
  say(`Placed   ${binary}: ${last.version} in the place of ${present.version}, which is ${previous} now`)
  say(service ? `Started  ${await service.restart()} answers` : whatIsLeft(dataDir))
}

/** @returns undefined when the present data can be read with it */
function copyFor(migration: number, dataDir: string, version: string): EarlierCopy | undefined {
  const applied = migrationOf(dataDir)
  if (applied <= migration) return undefined
  const copy = findCopy(dataDir, migration)
  if (copy) return copy
  throw new OperatorError(
    `${version} cannot read the data, which is at migration ${applied}, and there is no copy from before: restore a backup`,
  )
}

function inWords(version: string, copy: EarlierCopy, lost: Lost): string {
  return `${version} cannot read the present data. With the copy of ${new Date(copy.time).toISOString()} in its place would be lost:
  users       ${lost.users} made since; ${lost.deletedUsers} deleted since come back; ${lost.changedUsers} get back an earlier group or secret
  sessions    ${lost.sessions}; everybody logs in anew, with the next code
  operations  ${lost.operations} begun since, as records; droplets stay as they are
  audit       ${lost.auditRecords} records
The present data would be put aside, and not deleted.`
}
