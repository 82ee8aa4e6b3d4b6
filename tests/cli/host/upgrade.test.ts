import { expect, test } from 'bun:test'
import { version } from '../../../package.json'
import { migrations } from '../../../src/store/migrations/index.ts'
import { expectedFailure, runCli } from '../../testkit/cli.ts'

const SUM = 'a'.repeat(64)

test.each<[string[], RegExp]>([
  [[], /Give --from FILE and --sha256 SUM .* or --rollback alone/],
  [['--from', 'x'], /Give --from FILE and --sha256 SUM/],
  [['--sha256', SUM], /Give --from FILE and --sha256 SUM/],
  [['--rollback', '--from', 'x', '--sha256', SUM], /--rollback alone/],
  [['--from', 'x', '--sha256', SUM.slice(1)], /is not a SHA-256/],
])('upgrade %j is rejected', async (flags, message) => {
  expect(await runCli(['upgrade', ...flags])).toEqual(expectedFailure(2, message))
})

test('upgrade --describe prints name, version and migration', async () => {
  const { stdout } = await runCli(['upgrade', '--describe'])
  expect(JSON.parse(stdout)).toEqual({ name: 'cikit-api', version, migration: migrations.length, schema: 1 })
})
