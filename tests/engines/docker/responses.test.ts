import { describe, expect, test } from 'bun:test'
import {
  parseContainer,
  parseContainers,
  parseEvent,
  parseId,
  parseIds,
  parseInfo,
} from '../../../src/engines/docker/responses.ts'
import { containerDetails, containerEntry } from '../../testkit/docker/bodies.ts'

const parseNames = (...entries: unknown[]) => parseContainers(entries, 'cikit')
const entryNamed = (...names: string[]) => containerEntry({ Names: names })
const details = (...changes: Parameters<typeof containerDetails>) =>
  parseContainer(containerDetails(...changes), 'cikit')
const portsOf = (ports: unknown) => details({ NetworkSettings: { Ports: ports } })?.ports
const hostBinding = (ip: string, port: number) => ({ HostIp: ip, HostPort: String(port) })
const unavailable = expect.objectContaining({ errorId: 918 })

describe('a container that is a droplet', () => {
  test('is listed with its full id', () => {
    expect(parseNames(containerEntry())).toEqual([{ id: '7e16c2cb0bf6'.padEnd(64, '0'), name: 'cikit22' }])
  })

  test('is parsed with times in milliseconds', () => {
    expect(details()).toEqual({
      id: '7e16c2cb0bf6'.padEnd(64, '0'),
      name: 'cikit22',
      hostname: 'cikit22.matrix.test',
      image: 'br0ken/ubuntu-systemd',
      createdBy: undefined,
      createdAt: Date.parse('2026-01-02T03:04:05.000Z') + 123.456789,
      startedAt: Date.parse('2026-01-02T03:04:06.500Z'),
      finishedAt: undefined,
      exitCode: 0,
      state: 'running',
      healthCheck: undefined,
      ports: { '22': { type: 'tcp', from: { ip: '0.0.0.0', port: 2222 } } },
    })
  })

  test.each([
    ['its name and its domain', { Hostname: 'cikit22', Domainname: 'matrix.test' }, 'cikit22.matrix.test'],
    ['a name without one', { Hostname: 'cikit22', Domainname: '' }, 'cikit22'],
    ['none', { Hostname: '', Domainname: '' }, ''],
    ['what is no name of a host', { Hostname: 'a\n\u001b[2J' }, ''],
    ['what is no text', { Hostname: { a: 1 } }, ''],
    ['a longer one than there is', { Hostname: 'a'.repeat(256) }, ''],
  ])('has a host name from %s', (_, Config, hostname) => {
    expect(details({ Config })?.hostname).toBe(hostname)
  })

  test.each([
    ['localhost:5000/a/b@sha256:0123', 'localhost:5000/a/b@sha256:0123'],
    ['a\u001b[2J', ''],
    ['a'.repeat(513), ''],
    [7, ''],
  ])('has the image %p', (Image, image) => {
    expect(details({ Config: { Image } })?.image).toBe(image)
  })

  test('is stopped with the exit code of its init', () => {
    const stopped = details({}, { Status: 'exited', ExitCode: 137, FinishedAt: '2026-01-02T04:00:00+01:00' })
    expect(stopped).toMatchObject({ state: 'exited', exitCode: 137, finishedAt: Date.parse('2026-01-02T03:00:00Z') })
  })

  test.each(['starting', 'healthy', 'unhealthy'] as const)('has a health check that is %s', check => {
    expect(details({}, { Health: { Status: check } })?.healthCheck).toBe(check)
  })

  test('is recognised by its exact name, with or without our label', () => {
    const labels = [{}, { 'cikit-api.add': 'a mark' }, { 'com.example': 'other' }]
    expect(labels.flatMap(Labels => parseNames(containerEntry({ Labels }))).map(({ name }) => name)).toEqual(
      labels.map(() => 'cikit22'),
    )
  })

  test('is listed by its own name despite links', () => {
    expect(parseNames(entryNamed('/nginx/cikit07', '/cikit22')).map(({ name }) => name)).toEqual(['cikit22'])
  })

  test('is listed in the engine’s order', () => {
    expect(
      parseNames(entryNamed('/cikit03'), entryNamed('/cikit99'), entryNamed('/cikit01')).map(({ name }) => name),
    ).toEqual(['cikit03', 'cikit99', 'cikit01'])
  })
})

describe('does not list other containers:', () => {
  test.each([
    ['another name', entryNamed('/nginx')],
    ['a longer name', entryNamed('/cikit220')],
    ['a name that ends like one', entryNamed('/my-cikit22')],
    ['a name that begins like one', entryNamed('/cikit22-backup')],
    ['number 00', entryNamed('/cikit00')],
    ['capitals', entryNamed('/CIKIT22')],
    ['a link that is called like one', entryNamed('/nginx', '/nginx/cikit22')],
    ['only a link', entryNamed('/nginx/cikit22')],
    ['no name at all', entryNamed()],
    ['a label of ours and another name', containerEntry({ Names: ['/nginx'], Labels: { 'cikit-api.add': 'mark' } })],
  ])('%s', (_, entry) => {
    expect(parseNames(entry)).toEqual([])
    expect(parseNames(entry, containerEntry())).toHaveLength(1)
  })

  test('the names follow the prefix', () => {
    expect(parseContainers([entryNamed('/cikit22'), entryNamed('/box22')], 'box').map(({ name }) => name)).toEqual([
      'box22',
    ])
  })
})

describe('the ports of a droplet', () => {
  const sshBinding = (ip: string) => ({ '22': { type: 'tcp', from: { ip, port: 2201 } } })

  test.each([
    ['IPv4 alone', { '22/tcp': [hostBinding('0.0.0.0', 2201)] }, sshBinding('0.0.0.0')],
    [
      'IPv4 before its IPv6 twin',
      { '22/tcp': [hostBinding('0.0.0.0', 2201), hostBinding('::', 2201)] },
      sshBinding('0.0.0.0'),
    ],
    [
      'IPv4 after its IPv6 twin',
      { '22/tcp': [hostBinding('::', 2201), hostBinding('0.0.0.0', 2201)] },
      sshBinding('0.0.0.0'),
    ],
    ['IPv6 where there is no other', { '22/tcp': [hostBinding('::', 2201)] }, sshBinding('::')],
    ['no address, which is every one', { '22/tcp': [hostBinding('', 2201)] }, sshBinding('0.0.0.0')],
    [
      'an exposed port that is not published',
      { '22/tcp': [hostBinding('0.0.0.0', 2201)], '80/tcp': null },
      sshBinding('0.0.0.0'),
    ],
    ['no ports of a stopped container', {}, {}],
    ['only exposed ones of a stopped one', { '22/tcp': null, '80/tcp': [] }, {}],
  ])('%s', (_, ports, expected) => {
    expect(portsOf(ports)).toEqual(expected)
  })

  test('are keyed by the port inside', () => {
    const ports = {
      '443/tcp': [hostBinding('127.0.0.1', 44301)],
      '22/tcp': [hostBinding('0.0.0.0', 2201)],
      '80/tcp': [hostBinding('127.0.0.1', 8001)],
    }
    expect(portsOf(ports)).toEqual({
      ...sshBinding('0.0.0.0'),
      '80': { type: 'tcp', from: { ip: '127.0.0.1', port: 8001 } },
      '443': { type: 'tcp', from: { ip: '127.0.0.1', port: 44301 } },
    })
  })

  test.each([null, undefined])('are empty if the engine reports %p', ports => {
    expect(portsOf(ports)).toEqual({})
  })
})

describe('an event', () => {
  const event = (Action: string, Attributes: Record<string, string>, ID = 'a'.repeat(64)) => ({
    Type: 'container',
    Action,
    Actor: { ID, Attributes },
  })

  test.each(['create', 'start', 'die', 'stop', 'destroy', 'pause', 'unpause', 'kill', 'oom', 'health_status: running'])(
    '%s of a droplet is about that',
    action => {
      expect(parseEvent(event(action, { name: 'cikit22' }), 'cikit')).toEqual({
        id: 'a'.repeat(64),
        stopped: undefined,
        healthCheck: undefined,
      })
    },
  )

  test.each(['starting', 'healthy', 'unhealthy'] as const)("of the image's health check is %s", check => {
    expect(parseEvent(event(`health_status: ${check}`, { name: 'cikit22' }), 'cikit')?.healthCheck).toBe(check)
  })

  test('of an exit has its time and code if they are valid', () => {
    const parseStopped = (exitCode: string | undefined, timeNano: unknown = 1_767_323_045_123_456_800) =>
      parseEvent({ ...event('die', { name: 'cikit22', ...(exitCode && { exitCode }) }), timeNano }, 'cikit')?.stopped
    expect(parseStopped('137')).toEqual({ exitCode: 137, at: expect.closeTo(1_767_323_045_123.456, 2) })
    expect(parseStopped('0')?.exitCode).toBe(0)
    expect(
      [
        parseStopped(undefined),
        parseStopped('-1'),
        parseStopped('x'),
        parseStopped('1000'),
        parseStopped('0', 'x'),
      ].some(Boolean),
    ).toBe(false)
    const other = { ...event('stop', { name: 'cikit22', exitCode: '0' }), timeNano: 1 }
    expect(parseEvent(other, 'cikit')?.stopped).toBeUndefined()
  })

  test('of a rename counts if either name is a droplet’s', () => {
    const renamed = (oldName: string, name: string) => parseEvent(event('rename', { oldName, name }), 'cikit')
    expect(renamed('/nginx', 'cikit22')?.id).toBe('a'.repeat(64))
    expect(renamed('/cikit22', 'nginx')?.id).toBe('a'.repeat(64))
    expect(renamed('/nginx', 'apache')).toBeUndefined()
  })

  test.each(['exec_create: ls', 'exec_start: ls', 'exec_die', 'attach', 'top', 'resize', 'copy', 'archive-path'])(
    '%s changes nothing',
    action => {
      expect(parseEvent(event(action, { name: 'cikit22' }), 'cikit')).toBeUndefined()
    },
  )

  test.each(['nginx', 'cikit220', 'cikit00', 'CIKIT22', ''])('of %p is ignored', name => {
    expect(parseEvent(event('start', { name }), 'cikit')).toBeUndefined()
  })

  test.each([
    ['nothing', undefined],
    ['a text', 'start'],
    ['no action', { Actor: { ID: 'a'.repeat(64), Attributes: { name: 'cikit22' } } }],
    ['no id', event('start', { name: 'cikit22' }, '')],
  ])('is not parsed from %s', (_, line) => {
    expect(() => parseEvent(line, 'cikit')).toThrow(unavailable)
  })
})

describe('rejects a response of another shape as a broken engine:', () => {
  test.each([
    ['no list', { containers: [] }],
    ['nothing', undefined],
    ['null', null],
    ['a text', '[]'],
    ['a list of texts', ['cikit22']],
    ['a list of lists', [[]]],
    ['names that are no list', [containerEntry({ Names: '/cikit22' })]],
    ['names that are no text', [containerEntry({ Names: [22] })]],
    ['no id', [containerEntry({ Id: undefined })]],
  ])('%s instead of containers', (_, response) => {
    expect(() => parseContainers(response, 'cikit')).toThrow(unavailable)
  })

  test.each([
    ['nothing', undefined],
    ['a list', []],
    ['no id', containerDetails({ Id: undefined })],
    ['no time', containerDetails({ Created: '2026' })],
    ['no state', containerDetails({ State: null })],
    ['an unknown state', containerDetails({}, { Status: 'dreaming' })],
    ['no exit code', containerDetails({}, { ExitCode: '0' })],
    ['an exit code that is no integer', containerDetails({}, { ExitCode: 0.5 })],
    ['a start at no time', containerDetails({}, { StartedAt: 'yesterday' })],
    ['no network', containerDetails({ NetworkSettings: null })],
    ['ports that are a list', containerDetails({ NetworkSettings: { Ports: [22] } })],
    ['a port without an address', containerDetails({ NetworkSettings: { Ports: { '22/tcp': [{}] } } })],
  ])('%s instead of a container', (_, response) => {
    expect(() => parseContainer(response, 'cikit')).toThrow(unavailable)
  })

  test('a container of another name is not a droplet', () => {
    for (const Name of ['/nginx', '/cikit00', '/cikit22/nginx', 'cikit22']) expect(details({ Name })).toBeUndefined()
  })

  test.each(['', '7e16c2cb0bf6', '../version'.padEnd(64, 'a'), 'G'.repeat(64), 'a'.repeat(65), 7, null])(
    '%p instead of an id',
    Id => {
      expect(() => parseId({ Id })).toThrow(unavailable)
      expect(() => parseIds([{ Id: 'a'.repeat(64) }, { Id }])).toThrow(unavailable)
    },
  )

  test('an object instead of ids', () => {
    expect(() => parseIds({ Id: 'a'.repeat(64) })).toThrow(unavailable)
  })
})

test('ids are returned unchanged', () => {
  const ids = ['a', '0'].map(digit => digit.repeat(64))
  expect(parseIds(ids.map(Id => ({ Id })))).toEqual(ids)
})

describe('the facts of an engine', () => {
  const info = { ServerVersion: '28.5.2', OSType: 'linux', CgroupVersion: '2', SecurityOptions: ['name=cgroupns'] }

  test('are those that decide how systemd boots', () => {
    expect(parseInfo({ ...info, ID: 'x' })).toEqual({
      serverVersion: '28.5.2',
      osType: 'linux',
      cgroupVersion: '2',
      securityOptions: ['name=cgroupns'],
    })
  })

  test('default to cgroup v1 without options', () => {
    const { ServerVersion, OSType } = info
    expect(parseInfo({ ServerVersion, OSType })).toMatchObject({ cgroupVersion: '1', securityOptions: [] })
  })

  test.each([
    ['nothing', undefined],
    ['a list', []],
    ['an empty object', {}],
    ['a version that is no text', { ...info, ServerVersion: 28 }],
    ['options that are no text', { ...info, SecurityOptions: [1] }],
  ])('are rejected with %s', (_, response) => {
    expect(() => parseInfo(response)).toThrow(unavailable)
  })
})
