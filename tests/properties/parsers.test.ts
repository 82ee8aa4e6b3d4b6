import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { toConfig } from '../../src/config/config.ts'
import { type SettingName, settings } from '../../src/config/settings.ts'
import { ConfigError } from '../../src/core/errors.ts'
import { createLog } from '../../src/core/log.ts'
import { addressPrefix, clientAddress, parseNetwork } from '../../src/core/network.ts'
import { formatAgo } from '../../src/droplets/human-duration.ts'
import { anyText, checkProperty, hostileTexts } from '../testkit/properties/check-property.ts'

const trusted = ['10.0.0.0/8', 'fd00::/8'].map(parseNetwork).filter(network => network !== undefined)
const byte = fc.nat(255)
const proxies = fc.oneof(
  fc.tuple(byte, byte, byte).map(bytes => `10.${bytes.join('.')}`),
  fc.tuple(byte, byte, byte).map(bytes => `::ffff:10.${bytes.join('.')}`),
  fc.nat(0xffff).map(group => `fd00::${group.toString(16)}`),
)
const untrustedClients = fc.oneof(
  fc.tuple(byte, byte).map(bytes => `203.0.${bytes.join('.')}`),
  fc.nat(0xffff).map(group => `2001:db8::${group.toString(16)}`),
)
const claimedHops = fc.array(
  fc.oneof(proxies, untrustedClients, anyText, fc.constantFrom('', 'unknown', '0x7f.1', '10.1', '_hidden')),
  { maxLength: 4 },
)

test('the client is the nearest hop that is not a trusted proxy, regardless of its own claims', async () => {
  const forwardedCases = fc.record({
    claims: claimedHops,
    client: untrustedClients,
    hops: fc.array(proxies, { maxLength: 4 }),
    peer: fc.option(proxies, { nil: undefined }),
    space: fc.constantFrom('', ' ', '  ', '\t'),
  })
  await checkProperty('network: forwarded', forwardedCases, ({ claims: claimedHops, client, hops, peer, space }) => {
    const header = [...claimedHops, client, ...hops].join(`,${space}`)
    // Behind trusted proxies it is the address that the outermost one saw; otherwise it is the peer.
    if (peer !== undefined) expect(clientAddress(peer, header, trusted)).toBe(client)
    expect(clientAddress(client, header, trusted)).toBe(client)
    expect(clientAddress(peer ?? client, header, [])).toBe(peer ?? client)
  })
})

const groupsOf16 = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 })

test('the prefix of an address is the IPv4 address or the IPv6 /64, in any spelling', async () => {
  const cases = fc.tuple(groupsOf16, groupsOf16, fc.nat(8), fc.ipV4(), anyText)
  await checkProperty('network: prefixes', cases, ([one, rest, shared, ipv4, text]) => {
    const other = [...one.slice(0, shared), ...rest.slice(shared)]
    const [shortForm, otherShortForm] = [one, other].map(groups => groups.map(group => group.toString(16)).join(':'))
    // Eighty leading zero bits could be an IPv4-mapped address.
    fc.pre(one[0] !== 0 && other[0] !== 0)
    const longForm = one.map(group => group.toString(16).padStart(4, '0')).join(':')
    expect(addressPrefix(longForm.toUpperCase())).toBe(addressPrefix(shortForm ?? ''))
    const sameNetwork = one.slice(0, 4).join() === other.slice(0, 4).join()
    expect(addressPrefix(shortForm ?? '') === addressPrefix(otherShortForm ?? '')).toBe(sameNetwork)
    expect(addressPrefix(ipv4)).toBe(ipv4)
    expect(addressPrefix(`::ffff:${ipv4}`)).toBe(ipv4)
    // Text from a header is never stored as is.
    expect(addressPrefix(text)).toMatch(/^(unknown|[0-9.]+|[0-9a-f:]+\/64)$/)
  })
})

const names = fc.constantFrom(...(Object.keys(settings) as SettingName[]))
const validValues = fc.constantFrom(
  '127.0.0.1',
  '::1',
  '0',
  '65535',
  'unix:///run/docker.sock',
  'tcp://engine.test:2375',
  'matrix.test',
  'debian:12',
  'localhost/a/b@sha256:c',
  'box',
  '10.0.0.0/8,::1',
  '[::1],a.test',
)
const specialCharacters = fc.constantFrom(
  ...' \t\n\r\0\u2028.,:;/\\@%?#&$`"\'|<>(){}[]*~^!=+_-Aa0',
  '..',
  '/../',
  '//',
  '\u00e9',
)
const settingValues = fc.oneof(
  anyText,
  fc.constantFrom(...hostileTexts),
  fc
    .tuple(validValues, fc.array(specialCharacters, { maxLength: 2 }), fc.nat(30))
    .map(([text, insertedCharacters, index]) => text.slice(0, index) + insertedCharacters.join('') + text.slice(index)),
  // Lengths around the limits of each setting.
  fc
    .tuple(fc.constantFrom('a', 'a.', 'a-b/', '1'), fc.nat(70))
    .map(([text, length]) => text.repeat(length).slice(0, length)),
  fc.integer({ min: 65_530, max: 65_540 }).map(String),
)
const HOST_DEFAULTS = { root: true, hostname: 'matrix.test' }

test('any value of a setting is either usable or rejected in one line that names the flag', async () => {
  await checkProperty('config: any value', fc.tuple(names, settingValues), ([name, value]) => {
    try {
      const { listen, droplets, engine } = toConfig({ [name]: value }, {}, HOST_DEFAULTS)
      expect(listen.port === Math.trunc(listen.port) && listen.port >= 0 && listen.port <= 65_535).toBe(true)
      // Values that become host names, paths and URLs contain no special characters.
      expect(listen.host).toMatch(/^[A-Za-z0-9.:%-]+$/)
      expect(`${droplets.prefix}.${droplets.domain}`).toMatch(/^[A-Za-z0-9.-]+$/)
      expect(`${droplets.prefix}01.${droplets.domain}`.length).toBeLessThanOrEqual(64)
      expect(droplets.image).toMatch(/^[\w./:@-]+$/)
      expect(droplets.image).not.toMatch(/(^|\/)\.+(\/|$)/)
      if (engine.kind === 'tcp') expect(new URL(engine.origin).origin.startsWith('http://')).toBe(true)
      for (const host of listen.allowedHosts) expect(host).toMatch(/^[a-z0-9.[\]:-]+$/)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      expect(error.message).toStartWith(`--${name}`)
      expect(error.message).not.toMatch(/[\r\n]/)
    }
  })
})

const UNITS = ['second', 'minute', 'hour', 'day', 'week', 'month', 'year']
const SECOND = 1_000
const DAY = 86_400 * SECOND
const UNIT_MS = [SECOND, 60 * SECOND, 3_600 * SECOND, DAY, 7 * DAY, 30 * DAY, 365 * DAY]

/** Parses a formatted age. */
function parseAge(ageText: string): [unit: number, count: number] {
  if (ageText === 'Less than a second ago') return [0, 0]
  const [, count, unit = ''] = /^(About an?|\d+) (second|minute|hour|day|week|month|year)s? ago$/.exec(ageText) ?? []
  if (count === undefined) throw new Error(`not an age: ${ageText}`)
  return [UNITS.indexOf(unit), count.startsWith('About') ? 1 : Number(count)]
}

test('a formatted age is accurate to its unit, and a greater age never reads as younger', async () => {
  const ageCases = fc.oneof(
    fc.nat(100 * SECOND),
    fc.nat(DAY),
    fc.nat(100 * DAY),
    fc.maxSafeNat().map(ms => ms % (40 * 365 * DAY)),
  )
  await checkProperty('age: formatting', fc.tuple(ageCases, ageCases), ([age, otherAge]) => {
    const [younger, older] = [
      parseAge(formatAgo(Math.min(age, otherAge))),
      parseAge(formatAgo(Math.max(age, otherAge))),
    ]
    expect(older[0] > younger[0] || (older[0] === younger[0] && older[1] >= younger[1])).toBe(true)
    const [unit, count] = parseAge(formatAgo(age))
    // Like Docker, which rounds to hours.
    expect(age).toBeGreaterThanOrEqual(count * (UNIT_MS[unit] ?? 0) - 1_800 * SECOND)
    expect(age).toBeLessThan((count + 1) * (UNIT_MS[unit] ?? 0))
  })
})

test('any log entry is one line without control characters and keeps its fields', async () => {
  const fields = fc.dictionary(
    fc.stringMatching(/^[a-z]{1,8}$/),
    fc.oneof(anyText, fc.string({ unit: fc.constantFrom('\n', '\r', '\u009b', '\u2028', '\u202e', '"', '\\', 'a') })),
  )
  await checkProperty('log: lines', fc.tuple(anyText, fields), ([message, values]) => {
    const lines: string[] = []
    for (const readable of [false, true]) {
      createLog({ write: line => void lines.push(line), readable, now: () => 0 }).info('entry', {
        message,
        ...values,
        level: message,
      })
    }
    for (const line of lines) expect(line).toMatch(/^[^\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+\n$/u)
    expect(JSON.parse(lines[0] ?? '')).toEqual({ time: expect.any(String), message, ...values, level: message })
  })
})
