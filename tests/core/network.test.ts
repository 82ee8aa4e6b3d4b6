import { describe, expect, test } from 'bun:test'
import { addressPrefix, clientAddress, parseNetwork } from '../../src/core/network.ts'

const networks = (...texts: string[]) =>
  texts.flatMap(text => {
    const network = parseNetwork(text)
    return network ? [network] : []
  })

describe('clientAddress', () => {
  const trusted = networks('10.0.0.0/8', '127.0.0.1', 'fd00::/8')

  test.each([
    ['without a proxy, is the peer', '203.0.113.9', null, '203.0.113.9'],
    ['ignores the header of an untrusted peer', '203.0.113.9', '192.0.2.1', '203.0.113.9'],
    ['behind a trusted proxy, is the address that the proxy saw', '127.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['ignores what an untrusted client sent to the proxy', '127.0.0.1', '1.2.3.4, 203.0.113.9', '203.0.113.9'],
    [
      'behind two trusted proxies, is the address that the outer one saw',
      '127.0.0.1',
      '1.2.3.4, 203.0.113.9, 10.1.2.3',
      '203.0.113.9',
    ],
    ['is the proxy if it sends no header', '127.0.0.1', null, '127.0.0.1'],
    ['stops at an invalid hop', '127.0.0.1', '203.0.113.9, <script>', '127.0.0.1'],
    ['stops at an empty hop', '10.0.0.1', '203.0.113.9, ,10.0.0.2', '10.0.0.2'],
    ['treats an IPv4-mapped IPv6 address as IPv4', '::ffff:127.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['supports IPv6', 'fd00::1', '2001:db8::7', '2001:db8::7'],
  ])('%s', (_, peer, forwarded, client) => {
    expect(clientAddress(peer, forwarded, trusted)).toBe(client)
  })
})

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:0db8:0001:0002::/64'],
  ['2001:db8:1:2::', '2001:0db8:0001:0002::/64'],
  ['unix', 'unknown'],
])('failures of %s are counted by %s', (address, group) => {
  expect(addressPrefix(address)).toBe(group)
})

test.each(['', '10', '10.0.0.0/33', '10.0.0/8', 'fd00::/129', 'localhost', '10.0.0.1/', '0x7f.1'])(
  '%p is not a network',
  text => {
    expect(parseNetwork(text)).toBeUndefined()
  },
)
