import { version as packageVersion } from '../../package.json'
import { root } from './paths.ts'
import { run } from './run.ts'

/** So long that no other object of this repository begins the same, however many there will be: versions do not depend on the clone. */
const HASH_DIGITS = 12

export interface Revision {
  /** `0.1.0` at the tag v0.1.0, `0.1.0-3-g…` three commits later, `0.1.0-g…` before any tag; `-dirty` with changes that are in no commit. */
  version: string
  /** The commit. */
  commit: string
  /** When it was made, ISO 8601 in UTC. */
  committedAt: string
}

/**
 * What git knows of a tree.
 * @throws Obstacle where that is no checkout of git
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
