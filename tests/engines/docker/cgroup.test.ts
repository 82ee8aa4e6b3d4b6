import { describe, expect, test } from 'bun:test'
import { cgroupHostConfig, type EngineInfo } from '../../../src/engines/docker/cgroup.ts'

const engineInfo = (serverVersion: string, cgroupVersion: string, ...options: string[]): EngineInfo => ({
  serverVersion,
  osType: 'linux',
  cgroupVersion,
  securityOptions: ['name=seccomp,profile=default', ...options],
})

const readOnlyTree = { Binds: ['/sys/fs/cgroup:/sys/fs/cgroup:ro'], SecurityOpt: ['seccomp=unconfined'] }
const ownBranch = {
  CgroupnsMode: 'host' as const,
  Binds: ['/sys/fs/cgroup/cikit07:/sys/fs/cgroup:rw'],
  SecurityOpt: ['seccomp=unconfined'],
}
const writableCgroups = { CgroupnsMode: 'private' as const, SecurityOpt: ['writable-cgroups=true'] }
const nothingNeeded = { CgroupnsMode: 'private' as const }

describe('systemd boots', () => {
  test.each([
    ['cgroup v1, Docker 19.03', engineInfo('19.03.15', '1'), readOnlyTree],
    ['cgroup v1, Docker 20.10', engineInfo('20.10.24', '1'), readOnlyTree],
    ['cgroup v1, Docker 28', engineInfo('28.5.2', '1'), readOnlyTree],
    ['cgroup v2, Docker 20.10', engineInfo('20.10.24', '2', 'name=cgroupns'), ownBranch],
    ['cgroup v2, Debian’s Docker 20.10', engineInfo('20.10.24+dfsg1', '2', 'name=cgroupns'), ownBranch],
    ['cgroup v2, Docker 27', engineInfo('27.5.1', '2', 'name=cgroupns'), ownBranch],
    ['cgroup v2, Docker 28', engineInfo('28.0.0', '2', 'name=cgroupns'), writableCgroups],
    ['cgroup v2, Docker 28.5', engineInfo('28.5.2', '2', 'name=cgroupns'), writableCgroups],
    ['cgroup v2, Docker 29', engineInfo('29.0.1', '2', 'name=cgroupns'), writableCgroups],
    ['cgroup v2, Docker 28 with mapped users', engineInfo('28.5.2', '2', 'name=userns'), nothingNeeded],
    ['cgroup v2, Docker 28 without root', engineInfo('28.5.2', '2', 'name=rootless'), nothingNeeded],
  ])('on %s', (_, info, expected) => {
    expect(cgroupHostConfig(info, 'cikit07')).toEqual(expected)
  })

  test.each(['20.10.24', '27.5.1', '28.5.2'])('on Docker %s with cgroup v2 without the host’s tree', version => {
    const { Binds = [] } = cgroupHostConfig(engineInfo(version, '2'), 'cikit07')
    expect(Binds.filter(bind => bind.startsWith('/sys/fs/cgroup:'))).toEqual([])
  })
})

describe('rejects with 923 and a reason', () => {
  test.each([
    ['Windows containers', { ...engineInfo('28.5.2', '2'), osType: 'windows' }, /windows.*need Linux/],
    ['cgroup v1 with mapped users', engineInfo('20.10.24', '1', 'name=userns'), /20\.10\.24 with cgroup v1.*cgroup v2/],
    ['cgroup v1 without root', engineInfo('28.5.2', '1', 'name=rootless'), /rootless.*cgroup v2/],
    ['cgroup v2, Docker 27 with mapped users', engineInfo('27.5.1', '2', 'name=userns'), /maps users.*Docker 28/],
    ['cgroup v2, Docker 20.10 without root', engineInfo('20.10.24', '2', 'name=rootless'), /rootless.*Docker 28/],
    ['cgroup v2, Docker 19', engineInfo('19.03.15', '2'), /Docker 19\.03\.15.*use Docker 20\.10 or newer/],
    ['an unknown version of cgroups', engineInfo('28.5.2', '3'), /cgroup v3.*not known/],
    ['a version that is no number', engineInfo('dev', '2'), /Docker dev.*not known/],
  ])('on %s', (_, info, words) => {
    expect(() => cgroupHostConfig(info, 'cikit07')).toThrow(
      expect.objectContaining({ errorId: 923, status: 503, message: expect.stringMatching(words) }),
    )
  })
})
