import { createTar } from 'nanotar'
import { SMALL_IMAGE } from '../../tests/testkit/e2e/engines.ts'

/** The engine calls that the API makes for each change of a droplet, for a container with ports of its own. */
export function createDirectCalls(socket: string) {
  let id = ''
  const callEngine = async (method: string, path: string, body?: Bun.BodyInit) => {
    const response = await fetch(`http://localhost/v1.41${path}`, {
      unix: socket,
      method,
      timeout: false,
      ...(body !== undefined && {
        body,
        headers: { 'content-type': typeof body === 'string' ? 'application/json' : 'application/x-tar' },
      }),
    })
    const text = await response.text()
    if (response.status >= 400) throw new Error(text)
    return text
  }
  const stop = () => callEngine('POST', `/containers/${id}/stop`)
  const start = () => callEngine('POST', `/containers/${id}/start`)
  return {
    add: async () => {
      const created = await callEngine('POST', '/containers/create?name=direct', JSON.stringify(container))
      const { Id }: { Id: string } = JSON.parse(created)
      id = Id
      await callEngine('PUT', `/containers/${id}/archive?path=/`, new Uint8Array(archive))
      await start()
    },
    stop,
    start,
    restart: async () => {
      await stop()
      await start()
    },
    delete: async () => {
      await stop()
      await callEngine('DELETE', `/containers/${id}?force=1&v=1`)
    },
  }
}

const archive = createTar([
  { name: 'root/.ssh/', attrs: { mode: '700', uid: 0, gid: 0 } },
  { name: 'root/.ssh/authorized_keys', data: 'x'.repeat(90), attrs: { mode: '600', uid: 0, gid: 0 } },
])

/** The container that the API creates on cgroup v1. */
const container = {
  Image: SMALL_IMAGE,
  Hostname: 'direct.matrix.test',
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
