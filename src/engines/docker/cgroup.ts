import { ApiError } from '../../core/errors.ts'

/** What `GET /info` tells of the host. */
export interface EngineInfo {
  serverVersion: string
  osType: string
  cgroupVersion: string
  /** `name=seccomp,profile=default`, `name=userns`, `name=rootless` … */
  securityOptions: readonly string[]
}

/** The part of the Docker `HostConfig` by which systemd gets a cgroup tree that it can write to. */
export interface CgroupHostConfig {
  Binds?: string[]
  CgroupnsMode?: 'host' | 'private'
  SecurityOpt?: string[]
}

/**
 * Chooses how systemd boots as PID 1 on this engine. Each row was seen to boot, and the others not to:
 * with cgroup v1 the tree read-only; with v2 the engine's own writable cgroups from Docker 28 on, and before that a
 * branch of the host's tree for each droplet, which sees no other branch.
 * @throws ApiError 923, in words, for an engine on which no recipe works
 */
export function cgroupHostConfig(info: EngineInfo, dropletName: string): CgroupHostConfig {
  const major = Number.parseInt(info.serverVersion, 10)
  const hasMappedUsers = info.securityOptions.some(option => /^name=(userns|rootless)\b/.test(option))
  const engineName = `Docker ${info.serverVersion} with cgroup v${info.cgroupVersion}`

  if (info.osType !== 'linux') throw unfitError(`${engineName} runs ${info.osType} containers, droplets need Linux`)
  if (info.cgroupVersion === '1') {
    if (hasMappedUsers)
      throw unfitError(`${engineName} maps users or is rootless: systemd boots there only with cgroup v2`)
    return { Binds: ['/sys/fs/cgroup:/sys/fs/cgroup:ro'], SecurityOpt: ['seccomp=unconfined'] }
  }
  if (info.cgroupVersion !== '2' || !Number.isInteger(major) || major < 20) {
    throw unfitError(`${engineName} is not known to boot systemd: use Docker 20.10 or newer`)
  }
  if (major >= 28) {
    // With mapped users and rootless the cgroups are writable already, and asking for it is refused (moby#48828).
    return { CgroupnsMode: 'private', ...(!hasMappedUsers && { SecurityOpt: ['writable-cgroups=true'] }) }
  }
  if (hasMappedUsers)
    throw unfitError(`${engineName} maps users or is rootless: systemd boots there only from Docker 28 on`)
  return {
    CgroupnsMode: 'host',
    Binds: [`/sys/fs/cgroup/${dropletName}:/sys/fs/cgroup:rw`],
    SecurityOpt: ['seccomp=unconfined'],
  }
}

function unfitError(reason: string): ApiError {
  return new ApiError('engineUnfit', { text: `The container engine cannot run droplets: ${reason}` })
}
