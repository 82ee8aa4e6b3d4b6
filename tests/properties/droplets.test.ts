import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { candidateNumbers, nameOf, numberOf, portsOf } from '../../src/droplets/naming.ts'
import { parseStandardOutput } from '../../src/engines/docker/multiplexed-output.ts'
import { parseProbe } from '../../src/engines/docker/probe.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { errorIdIn, sendRequest } from '../testkit/api/wire-response.ts'
import { encodeFrame } from '../testkit/docker/replies.ts'
import { createTestDroplet, HOST_KEY } from '../testkit/droplets/droplet.ts'
import { anyText, checkProperty, hostileTexts } from '../testkit/properties/check-property.ts'

const DROPLETS = ['cikit01', 'cikit42', 'cikit99']
/** Not a droplet. Must not be reachable even if the engine lists it. */
const FOREIGN = 'bystander'

/** Method, action, and the expected calls to the engine. */
type Action = [string, string, string[]]
type Case = [Action, string]

const actions = fc.constantFrom<Action[]>(
  ['PATCH', 'start', ['start']],
  ['PATCH', 'stop', ['stop']],
  ['PATCH', 'restart', ['stop', 'start']],
  ['DELETE', 'delete', ['stop', 'remove']],
)

const validNames = fc.integer({ min: 1, max: 99 }).map(number => nameOf(number, 'cikit'))
const nearMissNames = fc
  .tuple(
    validNames,
    fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('\n', '\0', ' ', '/', '.', '%', '\u0661')),
    fc.nat(7),
  )
  .map(([name, inserted, index]) => name.slice(0, index) + inserted + name.slice(index))
const names = fc.oneof(
  fc.constantFrom(...DROPLETS, FOREIGN),
  validNames,
  nearMissNames,
  anyText,
  fc.constantFrom(...hostileTexts),
)

function resetDroplets({ memoryEngine, clock }: TestApi): void {
  const droplets = [FOREIGN, ...DROPLETS].map((name, index) => {
    const id = String(index).padEnd(64, 'abcdef0123456789')
    return createTestDroplet({ id, name, createdAt: clock.now() })
  })
  memoryEngine.droplets.splice(0, Number.POSITIVE_INFINITY, ...droplets)
  memoryEngine.calls.length = 0
}

/** The expected calls to the engine for a droplet: none for an invalid name. */
function callsFor(name: string | undefined, engineCalls: string[]): string[] {
  if (name === undefined || !/^cikit(0[1-9]|[1-9][0-9])$/.test(name)) return []
  return DROPLETS.includes(name) ? ['list', ...engineCalls.map(call => `${call} ${name}`)] : ['list']
}

async function createManagerFixture() {
  const api = await createTestApi()
  const { token } = await api.logInAs('manager')
  return {
    api,
    init: { headers: { authorization: `Bearer ${token}` } },
    [Symbol.asyncDispose]: api[Symbol.asyncDispose],
  }
}

test('an invalid droplet name never reaches the engine, and a valid one affects no other droplet', async () => {
  await using fixture = await createManagerFixture()
  const { api, init } = fixture
  await checkProperty(
    'droplets: names',
    fc.tuple(actions, names),
    async ([[method, action, engineCalls], name]) => {
      resetDroplets(api)
      const response = await sendRequest(api, method, `/droplet/${action}/${encodeURIComponent(name)}`, init)
      expect(api.memoryEngine.calls).toEqual(callsFor(name, engineCalls))
      if (DROPLETS.includes(name)) return expect(response.status).toBe(200)
      // An empty segment, or one of dots, results in a different path.
      expect(errorIdIn(response)).toBe(['', '.', '..'].includes(name) ? 404 : 900)
      const isEchoed = /^[A-Za-z0-9_.-]{1,64}$/.test(name)
      if (!isEchoed && name.length > 3) expect(response.text).not.toContain(JSON.stringify(name).slice(1, -1))
    },
    hostileTexts.map((name): Case => [['PATCH', 'stop', ['stop']], name]),
  )
})

const pathPart = fc.constantFrom(
  '/',
  '..',
  '.',
  '\\',
  '%2f',
  '%5c',
  '%2e',
  '%00',
  '%25',
  '?',
  ';',
  '&',
  '=',
  '%',
  '%zz',
  '%c3%28',
  '+',
  '@',
  ':',
)
const paths = fc
  .array(
    fc.oneof(
      pathPart,
      fc.constantFrom('cikit01', 'bystander', 'stop', 'force=1', 'droplet', 'delete'),
      fc.string({ maxLength: 3 }),
    ),
    {
      minLength: 1,
      maxLength: 7,
    },
  )
  // Clients do not send fragments.
  .map(parts => parts.join('').replaceAll('#', '%23'))

/** The droplet named by a path according to the URL standard, ignoring a trailing slash. */
function dropletNamedIn(path: string, action: string): string | undefined {
  const { pathname } = new URL(`http://localhost/api/v1${path}`)
  const part = new RegExp(`^/api/v1/droplet/${action}/([^/]+)/?$`).exec(pathname)?.[1]
  try {
    return part === undefined ? undefined : decodeURIComponent(part)
  } catch {
    return undefined
  }
}

test('a path reaches only the droplet that it names', async () => {
  await using fixture = await createManagerFixture()
  const { api, init } = fixture
  await checkProperty('droplets: paths', paths, async path => {
    resetDroplets(api)
    const response = await sendRequest(api, 'PATCH', `/droplet/stop/${path}`, init)
    const expectedCalls = ['start', 'stop', 'restart'].flatMap(action => {
      const engineCalls = action === 'restart' ? ['stop', 'start'] : [action]
      return callsFor(dropletNamedIn(`/droplet/stop/${path}`, action), engineCalls)
    })
    expect(api.memoryEngine.calls).toEqual(expectedCalls)
    if (expectedCalls.length < 2) expect([404, 900, 917]).toContain(errorIdIn(response))
  })
})

test('names and numbers convert both ways for any prefix; free numbers above the highest used one come first', async () => {
  const prefixes = fc.stringMatching(/^[a-z][a-z0-9-]{0,19}$/)
  const usedNumberSets = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 99, size: 'max' })
  await checkProperty(
    'droplets: numbers',
    fc.tuple(prefixes, anyText, usedNumberSets),
    ([prefix, text, usedNumbers]) => {
      for (const name of [text, prefix + text]) {
        const number = numberOf(name, prefix)
        if (number !== undefined) expect(nameOf(number, prefix)).toBe(name)
      }
      const candidates = candidateNumbers(new Set(usedNumbers))
      expect([...candidates, ...usedNumbers].toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 99 }, (_, index) => index + 1),
      )
      const highest = Math.max(0, ...usedNumbers)
      const aboveHighest = candidates.filter(number => number > highest)
      expect(candidates).toEqual([
        ...aboveHighest.toSorted((a, b) => a - b),
        ...candidates.filter(number => number < highest).toSorted((a, b) => a - b),
      ])
      for (const number of candidates) {
        expect(numberOf(nameOf(number, prefix), prefix)).toBe(number)
        expect(portsOf(number).every(({ hostPort }) => hostPort % 100 === number && hostPort < 65_536)).toBe(true)
      }
    },
  )
})

test('any probe output is parsed into valid fields', async () => {
  const lines = fc.tuple(
    fc.constantFrom('key ', 'systemd ', 'greets ', 'key ssh-ed25519 ', `key ${HOST_KEY.key}`, ''),
    fc.oneof(anyText, fc.constantFrom('running', 'SSH-', ...hostileTexts)),
  )
  const outputs = fc.oneof(
    fc.array(lines).map(outputLines => Buffer.from(outputLines.map(line => line.join('')).join('\n'))),
    fc.uint8Array({ max: 255 }).map(bytes => Buffer.from(bytes)),
  )
  const truncatedOutputs = fc.tuple(outputs, fc.boolean(), fc.nat(200))
  await checkProperty('droplets: probe output', truncatedOutputs, ([bytes, isFramed, length]) => {
    const stream = isFramed ? encodeFrame(bytes.toString()) : bytes
    const { init, sshResponds, hostKey } = parseProbe(parseStandardOutput(stream.subarray(0, length)))
    expect([undefined, 'booting', 'running', 'degraded']).toContain(init)
    expect(typeof sshResponds).toBe('boolean')
    if (hostKey !== undefined) expect(hostKey).toMatch(/^[a-z0-9-]+ [A-Za-z0-9+/]+=*$/)
  })
})
