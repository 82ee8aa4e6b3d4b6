import { version as packageVersion } from '../../package.json'
import { root } from './paths.ts'
import { run } from './run.ts'

/** Long enough to stay unique, so that versions do not depend on the objects in a clone. */
const HASH_DIGITS = 12

export interface Revision {
  /**
   * `0.1.0` at the tag v0.1.0, `0.1.0-3-g…` three commits later, `0.1.0-g…` before any tag; `-dirty` with uncommitted
   * changes.
   */
  version: string
  commit: string
  /** ISO 8601, UTC. */
  committedAt: string
}

/**
 * Reads the revision of a working tree from git.
 * @throws UserError if it is not a git repository
 */
export async function readRevision(tree = root): Promise<Revision> {
  const git = async (...args: string[]) => (await run(['git', '-C', tree, ...args])).trim()
  const [commit = '', seconds = ''] = (await git('log', '-1', '--format=%H %ct')).split(' ')
  const describeFlags = [`--abbrev=${HASH_DIGITS}`, '--dirty']
  const tagged = await git('tag', '--list', 'v[0-9]*', '--merged', 'HEAD')
  const version = tagged
    ? (await git('describe', '--tags', '--match', 'v[0-9]*', ...describeFlags)).slice(1)
    : `${packageVersion}-g${await git('describe', '--always', '--exclude', '*', ...describeFlags)}`
  return { version, commit, committedAt: new Date(Number(seconds) * 1000).toISOString() }
}
