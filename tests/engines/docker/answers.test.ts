import { describe, expect, test } from 'bun:test'
import { parseContainers, parseId, parseIds, parseInfo } from '../../../src/engines/docker/answers.ts'
import { containerEntry } from '../../_support/docker-engine.ts'

const parse = (...entries: unknown[]) => parseContainers(entries, 'cikit')
const named = (...names: string[]) => containerEntry({ Names: names })
const port = (ip: string, privatePort: number, publicPort: number) => ({
  ...(ip && { IP: ip }),
  PrivatePort: privatePort,
  PublicPort: publicPort,
  Type: 'tcp',
})
const portsOf = (...ports: unknown[]) => parse(containerEntry({ Ports: ports }))[0]?.ports
const unavailable = expect.objectContaining({ errorId: 918 })

describe('a container that is a droplet', () => {
  test('is read whole, with its full id and its time in milliseconds', () => {
    expect(parse(containerEntry())).toEqual([
      {
        id: '7e16c2cb0bf6'.padEnd(64, '0'),
        name: 'cikit22',
        createdAt: Date.parse('2026-01-02T03:04:05.000Z'),
        status: 'Up 8 minutes',
        state: 'running',
        ports: { '22': { type: 'tcp', from: { ip: '0.0.0.0', port: 2222 } } },
      },
    ])
  })

  test('is one by its exact name, with a label of ours or without', () => {
    const labels = [{}, { 'cikit-api.add': 'a mark' }, { 'com.example': 'other' }]
    expect(labels.flatMap(Labels => parse(containerEntry({ Labels }))).map(({ name }) => name)).toEqual(
      labels.map(() => 'cikit22'),
    )
  })

  test('goes by its own name when another one is linked to it', () => {
    expect(parse(named('/nginx/cikit07', '/cikit22')).map(({ name }) => name)).toEqual(['cikit22'])
  })

  test('is listed in the order of the engine', () => {
    expect(parse(named('/cikit03'), named('/cikit99'), named('/cikit01')).map(({ name }) => name)).toEqual([
      'cikit03',
      'cikit99',
      'cikit01',
    ])
  })
})

describe('a container that is none of ours is not listed', () => {
  test.each([
    ['another name', named('/nginx')],
    ['a longer name', named('/cikit220')],
    ['a name that ends like one', named('/my-cikit22')],
    ['a name that begins like one', named('/cikit22-backup')],
    ['number 00', named('/cikit00')],
    ['capitals', named('/CIKIT22')],
    ['a link that is called like one', named('/nginx', '/nginx/cikit22')],
    ['only a link', named('/nginx/cikit22')],
    ['no name at all', named()],
    ['a label of ours and another name', containerEntry({ Names: ['/nginx'], Labels: { 'cikit-api.add': 'mark' } })],
  ])('%s', (_, entry) => {
    expect(parse(entry)).toEqual([])
    expect(parse(entry, containerEntry())).toHaveLength(1)
  })

  test('the names follow the prefix', () => {
    expect(parseContainers([named('/cikit22'), named('/box22')], 'box').map(({ name }) => name)).toEqual(['box22'])
  })
})

describe('the ports of a droplet', () => {
  const ipv4 = port('0.0.0.0', 22, 2201)
  const ipv6 = port('::', 22, 2201)
  const only = (ip: string) => ({ '22': { type: 'tcp', from: { ip, port: 2201 } } })

  test.each([
    ['IPv4 alone', [ipv4], only('0.0.0.0')],
    ['IPv4 before its IPv6 twin', [ipv4, ipv6], only('0.0.0.0')],
    ['IPv4 after its IPv6 twin', [ipv6, ipv4], only('0.0.0.0')],
    ['IPv6 where there is no other', [ipv6], only('::')],
    ['no address, which is every one', [port('', 22, 2201)], only('0.0.0.0')],
    ['an exposed port that is not published', [ipv4, { PrivatePort: 80, Type: 'tcp' }], only('0.0.0.0')],
    ['none of a stopped one', [], {}],
    ['only exposed ones of a stopped one', [{ PrivatePort: 22, Type: 'tcp' }], {}],
  ])('%s', (_, ports, expected) => {
    expect(portsOf(...ports)).toEqual(expected)
  })

  test('are all there, by the port inside', () => {
    const ports = portsOf(port('127.0.0.1', 443, 44301), port('::', 22, 2201), ipv4, port('127.0.0.1', 80, 8001))
    expect(ports).toEqual({
      ...only('0.0.0.0'),
      '80': { type: 'tcp', from: { ip: '127.0.0.1', port: 8001 } },
      '443': { type: 'tcp', from: { ip: '127.0.0.1', port: 44301 } },
    })
  })

  test.each([null, undefined])('are none when the engine gives %p for them', Ports => {
    expect(parse(containerEntry({ Ports }))[0]?.ports).toEqual({})
  })
})

describe('an answer of another shape is an engine that is broken', () => {
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
    ['no time', [containerEntry({ Created: '2026' })]],
    ['no status', [containerEntry({ Status: null })]],
    ['an unknown state', [containerEntry({ State: 'dreaming' })]],
    ['ports that are no list', [containerEntry({ Ports: { 22: 2222 } })]],
    ['a port without a type', [containerEntry({ Ports: [{ IP: '::', PrivatePort: 22, PublicPort: 2222 }] })]],
  ])('%s instead of containers', (_, answer) => {
    expect(() => parseContainers(answer, 'cikit')).toThrow(unavailable)
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

test('ids are taken as they are', () => {
  const ids = ['a', '0'].map(digit => digit.repeat(64))
  expect(parseIds(ids.map(Id => ({ Id })))).toEqual(ids)
})

describe('the facts of an engine', () => {
  const info = { ServerVersion: '28.5.2', OSType: 'linux', CgroupVersion: '2', SecurityOptions: ['name=cgroupns'] }

  test('are those that a recipe is chosen by', () => {
    expect(parseInfo({ ...info, ID: 'x' })).toEqual({
      serverVersion: '28.5.2',
      osType: 'linux',
      cgroupVersion: '2',
      securityOptions: ['name=cgroupns'],
    })
  })

  test('are cgroup v1 and no options from an engine that does not tell', () => {
    const { ServerVersion, OSType } = info
    expect(parseInfo({ ServerVersion, OSType })).toMatchObject({ cgroupVersion: '1', securityOptions: [] })
  })

  test.each([
    ['nothing', undefined],
    ['a list', []],
    ['an empty object', {}],
    ['a version that is no text', { ...info, ServerVersion: 28 }],
    ['options that are no text', { ...info, SecurityOptions: [1] }],
  ])('are not %s', (_, answer) => {
    expect(() => parseInfo(answer)).toThrow(unavailable)
  })
})
