import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/lib/paths.ts'
import { createFakeDocker } from '../testkit/docker/fake-docker.ts'
import { extractCommands, readDocPages } from '../testkit/docs/doc-commands.ts'
import { startDocShell } from '../testkit/docs/doc-shell.ts'
import { notRun } from '../testkit/docs/not-run.ts'
import { runnablePages } from '../testkit/docs/runnable-pages.ts'

const pages = runnablePages()

test.concurrent.each(pages)('the commands of $file work', async ({ commands }) => {
  await using engine = createFakeDocker()
  await using shell = await startDocShell({
    program: [process.execPath, join(root, 'cli/main.ts')],
    engineSocket: engine.socket,
  })
  await shell.run(commands)
})

test('most commands are run', () => {
  expect(pages.flatMap(({ commands }) => commands).length).toBeGreaterThan(80)
})

test('the list of commands that are not run is up to date', () => {
  const documented = new Set(readDocPages().flatMap(({ commands }) => commands.map(({ text }) => text)))
  const listed = Object.values(notRun).flat()
  expect(listed.filter(text => !documented.has(text))).toEqual([])
})

test('the reasons name tests that exist', () => {
  const files = Object.keys(notRun).flatMap(reason => reason.match(/tests\/\S+\.ts/g) ?? [])
  expect(files.filter(file => !existsSync(join(root, file)))).toEqual([])
})

describe('extracting commands', () => {
  const textsOf = (page: string) => extractCommands(page).map(({ text }) => text)

  test('reads the blocks marked sh only', () => {
    expect(textsOf('```sh\nls\n```\n```json\n{}\n```\n```sh\npwd\n```\n')).toEqual(['ls', 'pwd'])
  })

  test('joins continued lines and removes comments', () => {
    expect(textsOf('```sh\n# a comment\ndocker run \\\n  -d x     # why\n\n```\n')).toEqual(['docker run -d x'])
  })

  test('marks commands that run until they are interrupted', () => {
    expect(extractCommands('```sh\ncikit-api events   # until Ctrl-C\n```\n')).toEqual([
      { text: 'cikit-api events', isEndless: true },
    ])
  })
})
