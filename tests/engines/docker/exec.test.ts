import { describe, expect, test } from 'bun:test'
import { hijack } from '../../../src/engines/docker/hijack.ts'
import { demultiplexOutput } from '../../../src/engines/docker/multiplexed-output.ts'
import { parseUsage } from '../../../src/engines/docker/usage.ts'
import { createFakeDocker, type FakeDocker } from '../../testkit/docker/fake-docker.ts'
import type { ConnectionHandler } from '../../testkit/docker/http-connection.ts'
import { closeConnection, encodeFrame, neverRespond } from '../../testkit/docker/replies.ts'

async function* chunksOf(...parts: Uint8Array[]) {
  yield* parts
}

async function collectText(output: AsyncIterable<{ stream: string; bytes: Uint8Array }>) {
  const texts = { stdout: '', stderr: '' }
  for await (const { stream, bytes } of output) texts[stream as 'stdout'] += new TextDecoder().decode(bytes)
  return texts
}

describe('the output of a program', () => {
  const stream = Buffer.concat([
    encodeFrame('one '),
    encodeFrame('oh', 2),
    encodeFrame(''),
    encodeFrame('two'),
    encodeFrame('no', 2),
  ])

  test('is split by stream, wherever the chunks are cut', async () => {
    for (let at = 0; at <= stream.length; at++) {
      const output = demultiplexOutput(chunksOf(stream.subarray(0, at), stream.subarray(at)))
      expect(await collectText(output)).toEqual({ stdout: 'one two', stderr: 'ohno' })
    }
    const bytes = [...stream].map(byte => Uint8Array.of(byte))
    expect(await collectText(demultiplexOutput(chunksOf(...bytes)))).toEqual({ stdout: 'one two', stderr: 'ohno' })
  })

  test('ends when the connection breaks', async () => {
    const broken = (async function* () {
      yield encodeFrame('one')
      throw new Error('reset')
    })()
    expect(await collectText(demultiplexOutput(broken))).toEqual({ stdout: 'one', stderr: '' })
  })
})

describe('an upgraded connection', () => {
  const hijackFrom = (docker: FakeDocker, timeoutMs = 2_000) =>
    hijack(docker.address, '/v1.41/exec/1/start', { Tty: true }, timeoutMs)

  test.each(['101 UPGRADED', '200 OK'])('is a two-way stream after %s', async status => {
    const typed = Promise.withResolvers<string>()
    await using docker = createFakeDocker(() => socket => {
      // The first bytes may arrive together with the head.
      socket.write(`HTTP/1.1 ${status}\r\nConnection: Upgrade\r\n\r\nfirst `)
      socket.once('data', data => {
        typed.resolve(data.toString())
        socket.end('second')
      })
    })
    const connection = await hijackFrom(docker)
    if (!('output' in connection)) throw new Error('the connection was not upgraded')
    expect(docker.requests).toMatchObject([{ method: 'POST', path: '/v1.41/exec/1/start', body: '{"Tty":true}' }])
    expect(docker.requests[0]?.headers.get('upgrade')).toBe('tcp')
    expect(connection.write(Buffer.from('ls\r'))).toBe(true)
    let text = ''
    for await (const bytes of connection.output) text += new TextDecoder().decode(bytes)
    expect([await typed.promise, text]).toEqual(['ls\r', 'first second'])
  })

  test('is not opened when rejected, which has the engine’s message', async () => {
    const body = '{"message":"is not running"}'
    const head = `HTTP/1.1 409 Conflict\r\nContent-Length: ${body.length}\r\n\r\n`
    await using docker = createFakeDocker(() => socket => {
      socket.write(head + body.slice(0, 5))
      setImmediate(() => socket.write(body.slice(5)))
    })
    expect(await hijackFrom(docker)).toEqual({ status: 409, text: body })
  })

  test.each<[string, ConnectionHandler]>([
    ['does not respond', neverRespond],
    ['hangs up', closeConnection],
    ['speaks no HTTP', socket => void socket.write('SSH-2.0-OpenSSH\r\n\r\n')],
    ['sends an endless head', socket => void socket.write('HTTP/1.1 101 '.padEnd(20_000, 'x'))],
  ])('is not opened by an engine that %s', async (_, handler) => {
    await using docker = createFakeDocker(() => handler)
    await expect(hijackFrom(docker, 300)).rejects.toThrow()
  })

  test('buffers at most 1 MiB', async () => {
    await using docker = createFakeDocker(() => socket => {
      socket.write('HTTP/1.1 101 UPGRADED\r\n\r\n')
      socket.pause()
    })
    const connection = await hijackFrom(docker)
    if (!('output' in connection)) throw new Error('the connection was not upgraded')
    const piece = Buffer.alloc(256 * 1024)
    const accepted = Array.from({ length: 64 }, () => connection.write(piece))
    expect([accepted[0], accepted.at(-1)]).toEqual([true, false])
    connection.close()
  })
})

describe('the usage of a container', () => {
  const v1 = {
    read: '2026-11-24T10:00:00.5Z',
    cpu_stats: { cpu_usage: { total_usage: 1_500_000_000 } },
    memory_stats: { usage: 10_000, limit: 50_000, stats: { total_inactive_file: 4_000, inactive_file: 9_000 } },
    networks: { eth0: { rx_bytes: 1, tx_bytes: 2 }, eth1: { rx_bytes: 10, tx_bytes: 20 } },
    blkio_stats: {
      io_service_bytes_recursive: [
        { op: 'Read', value: 100 },
        { op: 'Write', value: 7 },
        { op: 'Total', value: 107 },
        { op: 'Read', value: 1 },
      ],
    },
    pids_stats: { current: 5 },
  }
  const expectedUsage = {
    at: Date.parse('2026-11-24T10:00:00.5Z'),
    ...{ cpuSeconds: 1.5, memory: 6_000, memoryLimit: 50_000, processes: 5 },
    ...{ networkIn: 11, networkOut: 22, diskRead: 101, diskWritten: 7 },
  }

  test('is read with cgroup v1', () => {
    expect(parseUsage(v1)).toEqual(expectedUsage)
  })

  test('is read with cgroup v2, which has other names', () => {
    const io = [
      { op: 'read', value: 101 },
      { op: 'write', value: 7 },
    ]
    const memory_stats = { usage: 10_000, limit: 50_000, stats: { inactive_file: 4_000 } }
    expect(parseUsage({ ...v1, memory_stats, blkio_stats: { io_service_bytes_recursive: io } })).toEqual(expectedUsage)
  })

  test('is zero for what is missing', () => {
    const bare = { ...v1, networks: undefined, blkio_stats: { io_service_bytes_recursive: null }, pids_stats: {} }
    const zeros = { networkIn: 0, networkOut: 0, diskRead: 0, diskWritten: 0, processes: 0 }
    expect(parseUsage(bare)).toEqual({ ...expectedUsage, ...zeros })
  })

  test.each([
    ['does not run', { read: '0001-01-01T00:00:00Z' }],
    ['is not measured', { memory_stats: { stats: {} } }],
  ])('is undefined for one that %s', (_, changed) => {
    expect(parseUsage({ ...v1, ...changed })).toBeUndefined()
  })

  test.each([
    ['no object', 'text'],
    ['no time', { ...v1, read: 'yesterday' }],
    ['no CPU', { ...v1, cpu_stats: {} }],
    ['an invalid counter', { ...v1, pids_stats: { current: -1 } }],
    ['invalid networks', { ...v1, networks: [] }],
  ])('an engine that reports %s is broken', (_, response) => {
    expect(() => parseUsage(response)).toThrow(expect.objectContaining({ errorId: 918 }))
  })
})
