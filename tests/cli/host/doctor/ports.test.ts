import { expect, test } from 'bun:test'
import { checkPorts, listeningPorts, parseListening } from '../../../../cli/host/doctor/ports.ts'
import type { Droplet } from '../../../../src/droplets/engine.ts'
import { createTestDroplet } from '../../../testkit/droplets/droplet.ts'

const runningDroplet = (name: string, ...hostPorts: number[]): Droplet => ({
  ...createTestDroplet({ name, createdAt: 0 }),
  ports: Object.fromEntries(hostPorts.map((port, at) => [String(at), { type: 'tcp', from: { ip: '0.0.0.0', port } }])),
})

test('parses only listening sockets from /proc/net/tcp', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:0899 0100007F:1F41 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
`
  const table6 = `  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:0899 00000000000000000000000000000000:0000 0A 00000000:00000000
`
  expect(parseListening(table)).toEqual([8001])
  expect(parseListening(table6)).toEqual([2201])
})

test('finds a listener of this host', () => {
  using listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  expect(listeningPorts()).toContain(listener.port)
})

test('passes for free ports and ports of droplets', () => {
  const listening = new Set([22, 1337, 2201, 8001, 44301])
  expect(checkPorts([runningDroplet('cikit01', 2201, 8001, 44301)], listening)).toMatchObject({ status: 'ok' })
  expect(checkPorts([], new Set([22, 1337, 2200, 2300, 8100]))).toMatchObject({ status: 'ok' })
})

test('names a port of another program, and says that its number is skipped', () => {
  const finding = checkPorts([runningDroplet('cikit01', 2201)], new Set([2201, 2207, 44399]))
  expect(finding.status).toBe('warning')
  expect(finding.text).toBe(
    'other programs listen on 2207, 44399: new droplets skip these numbers; stop those programs to use them',
  )
})

test('names a stopped droplet whose port is taken', () => {
  const stopped = createTestDroplet({ name: 'cikit07', createdAt: 0, state: 'exited' })
  const finding = checkPorts([stopped], new Set([8007]))
  expect(finding).toMatchObject({ status: 'warning', text: expect.stringContaining('cikit07 cannot be started') })
})

test('skips the check if the droplets are in another network', () => {
  const finding = checkPorts([runningDroplet('cikit01', 2201)], new Set([8001]))
  expect(finding).toMatchObject({ status: 'ok', text: expect.stringContaining('not checked') })
})
