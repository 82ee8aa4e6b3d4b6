import fc from 'fast-check'

/** How many cases of each property a run tries: 10,000 in all at the least, which tests/properties/cases.test.ts sees to. */
export const CASES = {
  'login: only the name and its code': 2_000,
  'login: unknown like wrong': 400,
  'sessions: like the model': 80,
  'events: exactly once': 300,
  'throttle: like the limits': 500,
  'throttle: strangers apart': 300,
  'droplets: names': 1_500,
  'droplets: paths': 1_000,
  'droplets: numbers': 500,
  'droplets: what they print': 1_500,
  'bodies: anything': 1_500,
  'bodies: size': 400,
  'bodies: depth': 500,
  'bodies: forms like JSON': 1_000,
  'credentials: all places': 2_000,
  'credentials: other headers': 1_000,
  'credentials: other tokens': 600,
  'usernames: added': 800,
  'usernames: in a path': 800,
  'network: forwarded': 1_500,
  'network: groups': 1_000,
  'config: any text': 4_000,
  'age: words': 1_000,
  'log: lines': 1_000,
  'event streams: cuts': 1_000,
  'event streams: anything': 1_000,
  'writes: like one after another': 300,
  'backups: any change': 1_000,
} as const

/** A case that takes longer than this hangs. It is a limit for a busy machine, not a measure. */
const CASE_LIMIT_MS = 30_000
/** Below the limit of a test, so that a failure is told with its seed however long it is being shrunk. */
const RUN_LIMIT_MS = 90_000

/**
 * Tries a property on as many cases as `CASES` says, the examples first. A failure is shrunk to its smallest case and
 * printed with its seed; `fc.assert(..., { seed, path })` repeats it.
 * @param property throws where it does not hold
 */
export async function checkProperty<T>(
  name: keyof typeof CASES,
  cases: fc.Arbitrary<T>,
  property: (value: T) => void | Promise<void>,
  examples: T[] = [],
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(cases, async value => await property(value)),
    {
      numRuns: CASES[name],
      timeout: CASE_LIMIT_MS,
      interruptAfterTimeLimit: RUN_LIMIT_MS,
      markInterruptAsFailure: true,
      examples: examples.map(example => [example]),
    },
  )
}

/** Any text that UTF-8 can carry, short ones of every script and control character. */
export const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary-ascii' }),
)

/** Any value of JSON, with strange keys (`__proto__`, `toString`) among its own. */
export const anyJson = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' })

/** What people try who want to get in, or to break something: as names, codes, tokens or parts of a path. */
export const hostileTexts = [
  ' 123456',
  '123456\n',
  '１２３４５６',
  '1e5000',
  "' OR 1=1--",
  '{"$ne":null}',
  '__proto__',
  'constructor',
  '\0',
  '\u202eada',
  'ada\r\nX-Forged: 1',
  'a'.repeat(65),
  '..',
  '../..',
  '%2e%2e',
  '..%2f..%2fversion',
  'cikit01?force=1',
  'cikit01%00',
  'cikit01\0',
  ';reboot',
  '$(id)',
  '`id`',
  '--help',
  '{{7*7}}',
  '(a+)+$',
  '7e16c2cb0bf6',
  'CIKIT01',
  'cikit00',
  'cikit100',
  'cikit1',
  'ｃikit01',
]
