import { expect, test } from 'bun:test'
import { renderUnit } from '../../../../cli/host/service/unit.ts'

const baseOptions = { dataDir: '/var/lib/cikit-api', writable: [], groups: ['docker'], port: 1337 }

test('the default data directory is created by systemd, and nothing else is writable', () => {
  const unit = renderUnit(baseOptions)
  expect(unit).toContain('\nStateDirectory=cikit-api\n')
  expect(unit).toContain('\nProtectSystem=strict\n')
  expect(unit).not.toContain('ReadWritePaths')
  expect(unit).toContain('\nSupplementaryGroups=docker\n')
})

test('another data directory is writable, with its name escaped', () => {
  const unit = renderUnit({ ...baseOptions, dataDir: '/srv/100% "ours"', writable: ['/srv/keys'] })
  expect(unit).not.toContain('StateDirectory')
  expect(unit).toContain('\nReadWritePaths="/srv/100%% \\"ours\\""\nReadWritePaths="/srv/keys"\n')
  expect(unit).toContain('\nEnvironment="CIKIT_API_DATA_DIR=/srv/100%% \\"ours\\""\n')
})

test.each([
  [443, 'CAP_NET_BIND_SERVICE'],
  [1337, ''],
  [0, ''],
])('port %d needs only the capability %p', (port, capability) => {
  const unit = renderUnit({ ...baseOptions, port })
  expect(unit).toContain(`\nCapabilityBoundingSet=${capability}\nAmbientCapabilities=${capability}\n`)
})

test('omits the groups line without groups', () => {
  expect(renderUnit({ ...baseOptions, groups: [] })).not.toContain('SupplementaryGroups')
})
