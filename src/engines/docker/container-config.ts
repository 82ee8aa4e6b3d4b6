import type { NewDroplet } from '../../droplets/engine.ts'
import { cgroupHostConfig, type EngineInfo } from './cgroup.ts'

/** Label of the containers that we create, to find them again. CIKit's own containers do not have it. */
export const MARK_LABEL = 'cikit-api.add'
/** Label of the containers that we create: the requesting user. */
export const CREATOR_LABEL = 'cikit-api.user'

/** The body of `POST /containers/create`. */
export function containerConfig(droplet: NewDroplet, image: string, info: EngineInfo) {
  const exposed = droplet.ports.map(({ dropletPort }) => [`${dropletPort}/tcp`, {}])
  const bindings = droplet.ports.map(({ host, hostPort, dropletPort }) => [
    `${dropletPort}/tcp`,
    [{ HostIp: host, HostPort: String(hostPort) }],
  ])
  return {
    Image: image,
    Hostname: droplet.hostname,
    Labels: { [MARK_LABEL]: droplet.mark, [CREATOR_LABEL]: droplet.createdBy },
    ExposedPorts: Object.fromEntries(exposed),
    // systemd's signal for "shut down" (systemd(1), SIGRTMIN+3).
    StopSignal: 'SIGRTMIN+3',
    HostConfig: {
      PortBindings: Object.fromEntries(bindings),
      Tmpfs: { '/run': '', '/run/lock': '' },
      ...cgroupHostConfig(info, droplet.name),
    },
  }
}
