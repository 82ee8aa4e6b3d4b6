import { ApiError } from '../../core/errors.ts'

/** Facts from `GET /info`. */
export interface EngineInfo {
  serverVersion: string
  osType: string
  cgroupVersion: string
  /** `name=seccomp,profile=default`, `name=userns`, `name=rootless` … */
  securityOptions: readonly string[]
}

/** The part of Docker's `HostConfig` that gives systemd a writable cgroup tree. */
interface CgroupHostConfig {
  Binds?: string[]
  CgroupnsMode?: 'host' | 'private'
  SecurityOpt?: string[]
}

/**
 * Chooses how systemd boots as PID 1 on this engine. These are the combinations that were tested and boot: with cgroup
 * v1, the tree read-only; with v2, the engine's writable cgroups from Docker 28, and before that a branch of the host's
 * tree per droplet, which hides the other branches.
 * @throws ApiError 923 with the reason, for an engine on which none works
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
    // With user namespaces or rootless, cgroups are already writable and the option is rejected (moby#48828).
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
