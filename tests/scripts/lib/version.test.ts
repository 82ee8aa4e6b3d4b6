import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version as packageVersion } from '../../../package.json'
import { run } from '../../../scripts/lib/run.ts'
import { readRevision } from '../../../scripts/lib/version.ts'
import { tempDir } from '../../testkit/temp-dir.ts'

const dir = tempDir()
const author = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com']
const git = (...args: string[]) => run(['git', '-C', dir.path, ...author, ...args])
const commit = () => git('commit', '--quiet', '--allow-empty', '--message', 'more')
const hash = async () => (await git('rev-parse', 'HEAD')).slice(0, 12)
const version = async () => (await readRevision(dir.path)).version

beforeAll(async () => {
  await git('init', '--quiet')
  writeFileSync(join(dir.path, 'file'), 'original')
  await git('add', 'file')
  await commit()
})
afterAll(() => dir[Symbol.dispose]())

test('the version before any version tag is that of package.json with the commit', async () => {
  // Starts with v like a version tag, but is none.
  await git('tag', 'victory')
  expect(await version()).toBe(`${packageVersion}-g${await hash()}`)
})

test('the version is the tag, followed by the number of later commits and the last commit', async () => {
  await git('tag', 'v1.2.3')
  expect(await version()).toBe('1.2.3')
  await commit()
  await commit()
  expect(await version()).toBe(`1.2.3-2-g${await hash()}`)
})

test('marks uncommitted changes as dirty', async () => {
  writeFileSync(join(dir.path, 'file'), 'changed')
  expect(await version()).toBe(`1.2.3-2-g${await hash()}-dirty`)
})

test('the time is that of the commit, in UTC', async () => {
  await run(['git', '-C', dir.path, ...author, 'commit', '--quiet', '--allow-empty', '--message', 'at a time'], {
    env: { GIT_COMMITTER_DATE: '2026-11-23T12:00:00+02:00' },
  })
  const { committedAt, commit } = await readRevision(dir.path)
  expect(committedAt).toBe('2026-11-23T10:00:00.000Z')
  expect(commit).toBe((await git('rev-parse', 'HEAD')).trim())
})

test('rejects a folder that is not a git repository', async () => {
  using elsewhere = tempDir()
  await expect(readRevision(elsewhere.path)).rejects.toThrow('not a git repository')
})
