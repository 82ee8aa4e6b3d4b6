import { createTar } from 'nanotar'
import { engineApi } from '../scripts/lib/engine-api.ts'
import { SMALL_IMAGE, type TestEngine } from '../tests/_support/e2e/engines.ts'
import type { Matrix } from '../tests/_support/e2e/matrix.ts'
import { timed } from './statistics.ts'

export type Step = 'add' | 'stop' | 'start'
export type Times = Record<Step, { ours: number[]; straight: number[] }>

/** One droplet after another through the API and, in turns with it, by the same calls made straight to the engine. */
export async function compareLifecycle(
  engine: TestEngine,
  matrix: Matrix,
  token: string,
  rounds: number,
): Promise<Times> {
  const times: Times = {
    add: { ours: [], straight: [] },
    stop: { ours: [], straight: [] },
    start: { ours: [], straight: [] },
  }
  for (let round = 0; round < rounds; round++) {
    const straight = straightCalls(engine.socket)
    const ours = apiCalls(matrix, token)
    for (const step of ['add', 'stop', 'start'] as const) {
      times[step].straight.push(await timed(straight[step]))
      times[step].ours.push(await timed(ours[step]))
    }
    await straight.remove()
    await ours.remove()
  }
  return times
}

function apiCalls(matrix: Matrix, token: string) {
  let name = ''
  return {
    add: async () => {
      name = (await matrix.droplets('POST', 'add', token))[0]?.name ?? ''
    },
    stop: () => matrix.droplets('PATCH', `stop/${name}`, token),
    start: () => matrix.droplets('PATCH', `start/${name}`, token),
    remove: () => matrix.droplets('DELETE', `delete/${name}`, token),
  }
}

function straightCalls(socket: string) {
  let id = ''
  const call = async (method: string, path: string, body?: Bun.BodyInit) => {
    const response = await fetch(`http://localhost/v1.41${path}`, {
      unix: socket,
      method,
      ...(body !== undefined && {
        body,
        headers: { 'content-type': typeof body === 'string' ? 'application/json' : 'application/x-tar' },
      }),
    })
    const text = await response.text()
    if (response.status >= 400) throw new Error(text)
    return text
  }
  return {
    add: async () => {
      id = JSON.parse(await call('POST', '/containers/create?name=straight', JSON.stringify(container))).Id
      await call('PUT', `/containers/${id}/archive?path=/`, new Uint8Array(archive))
      await call('POST', `/containers/${id}/start`)
    },
    stop: () => call('POST', `/containers/${id}/stop`),
    start: () => call('POST', `/containers/${id}/start`),
    remove: () => engineApi(socket, 'DELETE', `/containers/${id}?force=1&v=1`),
  }
}

const archive = createTar([
  { name: 'root/.ssh/', attrs: { mode: '700', uid: 0, gid: 0 } },
  { name: 'root/.ssh/authorized_keys', data: 'x'.repeat(90), attrs: { mode: '600', uid: 0, gid: 0 } },
])

/** What the API creates on cgroup v1, with ports of its own. */
const container = {
  Image: SMALL_IMAGE,
  Hostname: 'straight.matrix.test',
  ExposedPorts: { '22/tcp': {}, '80/tcp': {}, '443/tcp': {} },
  StopSignal: 'SIGRTMIN+3',
  HostConfig: {
    PortBindings: {
      '22/tcp': [{ HostIp: '0.0.0.0', HostPort: '3201' }],
      '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '9001' }],
      '443/tcp': [{ HostIp: '127.0.0.1', HostPort: '45301' }],
    },
    Tmpfs: { '/run': '', '/run/lock': '' },
    Binds: ['/sys/fs/cgroup:/sys/fs/cgroup:ro'],
    SecurityOpt: ['seccomp=unconfined'],
  },
}
