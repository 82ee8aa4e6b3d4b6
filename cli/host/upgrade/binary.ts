import { OperatorError } from '../../../src/core/errors.ts'
import { migrations } from '../../../src/store/migrations/index.ts'
import { version } from '../../../src/version.ts'
import { runProgram } from '../../shared/run-program.ts'

/** The output of `upgrade --describe`. */
export interface BinaryDescription {
  name: 'cikit-api'
  version: string
  /** The newest migration it supports; it rejects newer data. */
  migration: number
  /** Identifies the numbering of `migration`; development builds before the first release lack it. */
  schema: 1
}

const DESCRIBE_TIMEOUT_MS = 20_000

export const ownDescription: BinaryDescription = {
  name: 'cikit-api',
  version,
  migration: migrations.at(-1)?.id ?? 0,
  schema: 1,
}

/**
 * Runs a binary to get its version.
 * @throws OperatorError if it is not cikit-api, or cannot run on this host
 */
export async function describeBinary(path: string): Promise<BinaryDescription> {
  try {
    const { code, stdout } = await runProgram([path, 'upgrade', '--describe'], AbortSignal.timeout(DESCRIBE_TIMEOUT_MS))
    const output: Partial<BinaryDescription> = code === 0 ? JSON.parse(stdout) : {}
    const { name, version, migration, schema } = output
    if (
      name === 'cikit-api' &&
      typeof version === 'string' &&
      /^[\w.+-]{1,64}$/.test(version) &&
      Number.isInteger(migration)
    ) {
      if (schema !== 1) throw developmentBuildError(path)
      return { name, version, migration: Number(migration), schema }
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error
    // It does not run, or prints something else.
  }
  throw new OperatorError(`${path} is not a cikit-api binary for this host: download the right one`)
}

function developmentBuildError(path: string): OperatorError {
  return new OperatorError(
    `${path} is a development build from before the first release, whose data only converts forwards: stop it and put the new binary in its place with cikit-api install`,
  )
}
