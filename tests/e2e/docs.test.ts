import { afterAll, beforeAll, test } from 'bun:test'
import { binary } from '../../scripts/lib/paths.ts'
import { startDocShell } from '../testkit/docs/doc-shell.ts'
import { runnablePages } from '../testkit/docs/runnable-pages.ts'
import { startEngine, type TestEngine } from '../testkit/e2e/engines.ts'

// The commands about droplets in the documentation, with the compiled binary and real droplets.

const files = ['README.md', 'docs/api.md', 'docs/cli.md']
const pages = runnablePages().filter(({ file }) => files.includes(file))
let engine: TestEngine

beforeAll(async () => {
  engine = await startEngine('cgroup2')
})
afterAll(async () => {
  await engine.removeContainers()
  await engine.stop()
})

test.each(pages)('the commands of $file work', async ({ commands }) => {
  await engine.removeContainers()
  // This engine publishes ports in its own network namespace, so ssh must run in it.
  const ssh = engine.inEngineNetwork([Bun.which('ssh') ?? 'ssh'])
  await using shell = await startDocShell({ program: [binary], engineSocket: engine.socket, ssh })
  await shell.run(commands)
})
