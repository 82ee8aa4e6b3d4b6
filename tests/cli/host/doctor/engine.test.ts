import { expect, test } from 'bun:test'
import { checkEngine } from '../../../../cli/host/doctor/engine.ts'
import { toConfig } from '../../../../src/config/config.ts'
import { createFakeDocker } from '../../../testkit/docker/fake-docker.ts'
import { errorResponse } from '../../../testkit/docker/replies.ts'

const NOW = Date.parse('2026-11-24T00:00:00Z')

const info = { ServerVersion: '28.5.2', OSType: 'linux', CgroupVersion: '2', SecurityOptions: [] }

/** An engine without containers, and with the image unless `hasImage` is false. */
async function runEngineCheck(
  engineInfo: Record<string, unknown>,
  options: { hasImage?: boolean } = {},
): Promise<Record<string, unknown>> {
  await using docker = createFakeDocker(({ path }) => {
    if (path === '/info') return Response.json({ ...info, SystemTime: new Date(NOW).toISOString(), ...engineInfo })
    return path.startsWith('/images/') && options.hasImage === false ? errorResponse(404, 'No such image') : undefined
  })
  const flags = { 'data-dir': '/nowhere', domain: 'matrix.test', 'docker-host': `unix://${docker.socket}` }
  const { findings, droplets } = await checkEngine(toConfig(flags, {}, { root: true, hostname: 'h' }), () => NOW)
  expect(docker.requests.filter(({ method }) => method !== 'GET')).toEqual([])
  return {
    droplets: droplets?.length,
    ...Object.fromEntries(findings.map(({ check, status, text }) => [check, `${status}: ${text}`])),
  }
}

test('passes for a working engine, with read-only requests', async () => {
  expect(await runEngineCheck({})).toEqual({
    droplets: 0,
    engine: expect.stringMatching(/^ok: Docker 28\.5\.2 with cgroup v2 at .*docker\.sock, with 0 droplets$/),
    cgroups: 'ok: systemd boots in droplets with Docker 28.5.2 with cgroup v2',
    'droplet image': 'ok: localhost/cikit-droplet:bookworm is on the engine',
    clock: "ok: in step with the engine's",
  })
})

test('fails with the reason if systemd cannot boot', async () => {
  const result = await runEngineCheck({ ServerVersion: '19.3.1' })
  expect(result).toMatchObject({ cgroups: expect.stringMatching(/^failed: .*Docker 19.*use Docker 20\.10 or newer/) })
})

test('warns about a missing image and says how to get it', async () => {
  const result = await runEngineCheck({}, { hasImage: false })
  expect(result).toMatchObject({
    'droplet image': expect.stringMatching(/^warning: .*build it now with cikit-api image build/),
  })
})

test.each<[number, RegExp]>([
  [4, /^ok: /],
  [6, /^warning: the engine's clock is 6 s ahead of this host's: .*NTP/],
  [-31, /^failed: the engine's clock is 31 s behind this host's: .*NTP/],
])('rates a clock that is %d s ahead', async (seconds, finding) => {
  const result = await runEngineCheck({ SystemTime: new Date(NOW + seconds * 1000).toISOString() })
  expect(result).toMatchObject({ clock: expect.stringMatching(finding) })
})

test('fails for an unreachable engine and names the flag', async () => {
  const flags = { 'data-dir': '/nowhere', domain: 'matrix.test', 'docker-host': 'unix:///nowhere/docker.sock' }
  const { findings, droplets } = await checkEngine(toConfig(flags, {}, { root: true, hostname: 'h' }), () => NOW)
  expect(droplets).toBeUndefined()
  expect(findings).toMatchObject([
    {
      check: 'engine',
      status: 'failed',
      text: expect.stringMatching(/^\/nowhere\/docker\.sock does not answer .*--docker-host/),
    },
  ])
})
