import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { AccessConfig } from '../../src/config.ts'
import { OperatorError } from '../../src/errors.ts'
import { compareWith, findCopy, migrationOf } from '../../src/store/earlier.ts'
import { servedBy } from '../../src/store/serve-lock.ts'
import { rollBackData } from '../../src/upgrade/roll-back.ts'
import { asOwnerOf } from '../act-as-owner.ts'
import { bringIn, type Description, describe, previousOf, swapIn } from './binary.ts'
import { findService, type Service } from './service.ts'

interface Upgrade {
  /** The file with the new binary, and its SHA-256 in hex. */
  from: string
  sum: string
  /** The one to be replaced. Absolute path. */
  binary: string
  place: AccessConfig
  /** Who asks for it. */
  user: string
  say: (line: string) => void
}

/**
 * Puts another binary into the place of the installed one and restarts the service with it. Where that does not come up,
 * all is as it was before, the data too.
 * @throws OperatorError
 */
export async function upgrade({ from, sum, binary, place, user, say }: Upgrade): Promise<void> {
  const { dataDir } = place
  if (!existsSync(binary))
    throw new OperatorError(`There is no ${binary} to be replaced: cikit-api install puts one there`)
  const draft = bringIn(from, sum, binary)
  try {
    const [next, last] = [await describe(draft), await describe(binary)]
    const before = await asOwnerOf(dataDir, async () => migrationOf(dataDir))
    if (next.migration < before) throw tooOld(next, before)
    if (await isSame(draft, binary)) {
      say(`Nothing to do: ${binary} is ${next.version} already, with this very sum`)
      return
    }
    const service = await findService(binary, dataDir)
    const swapped = swapIn(draft, binary)
    say(`Placed   ${binary}: ${next.version} in the place of ${last.version}, which is ${previousOf(binary)} now`)
    if (!service) {
      swapped.settle()
      say(whatIsLeft(dataDir))
      return
    }
    try {
      say(`Started  ${await service.restart()} answers`)
    } catch (failure) {
      throw await takeBack({ failure, next, last, service, swapped, before, place, user })
    }
    swapped.settle()
    const copy = join(dataDir, `before-migration-${before + 1}.db`)
    if (next.migration > before && before > 0)
      say(`Migrated the data, after a copy: ${copy}. Back with cikit-api upgrade --rollback`)
  } finally {
    rmSync(draft, { force: true })
  }
}

interface Failed {
  failure: unknown
  next: Description
  last: Description
  service: Service
  swapped: { undo: () => void }
  /** The newest migration of the data, before. */
  before: number
  place: AccessConfig
  user: string
}

/** @returns what is to be told */
async function takeBack({ failure, next, last, service, swapped, before, place, user }: Failed): Promise<Error> {
  const reason = failure instanceof Error ? failure.message : String(failure)
  await service.stop()
  const aside = await asOwnerOf(place.dataDir, () => takeDataBack(before, place, user, `${next.version} failed`))
  swapped.undo()
  const data = aside ? `, with the data of before (that of ${next.version} is in ${aside})` : ''
  const back = await service.restart().then(
    address => `${last.version} is back${data}, and answers on ${address}`,
    error =>
      `${last.version} is back${data}, and does not start either: ${error instanceof Error ? error.message : error}`,
  )
  return new OperatorError(`${next.version} did not come up: ${reason}. ${back}`)
}

/** @returns where the data is that was migrated, if it was */
async function takeDataBack(
  before: number,
  place: AccessConfig,
  user: string,
  note: string,
): Promise<string | undefined> {
  if (before === 0 || migrationOf(place.dataDir) === before) return undefined
  const copy = findCopy(place.dataDir, before)
  if (!copy) throw new OperatorError(`There is no copy of the data of before: restore a backup into ${place.dataDir}`)
  const ending = !compareWith(place.dataDir, copy).nothing
  return await rollBackData(place, copy, { user, address: 'host', action: 'upgrade.rollback' }, { ending, note })
}

function tooOld({ version, migration }: Description, present: number): OperatorError {
  return new OperatorError(
    `${version} knows migration ${migration}, and the data is at ${present}: go back with cikit-api upgrade --rollback, or take a newer one`,
  )
}

async function isSame(one: string, other: string): Promise<boolean> {
  const hash = async (path: string) => {
    const hasher = new Bun.CryptoHasher('sha256')
    for await (const chunk of Bun.file(path).stream()) hasher.update(chunk)
    return hasher.digest('hex')
  }
  return (await hash(one)) === (await hash(other))
}

/** What the caller has to do where no service is restarted. */
export function whatIsLeft(dataDir: string): string {
  const holder = servedBy(dataDir)
  return holder
    ? `Now restart process ${holder.pid}, which serves on ${holder.address} still as before`
    : 'Nobody serves now: the next start takes it'
}
