import fc from 'fast-check'

/** Cases per property and run. The total is at least 10,000, which tests/properties/cases.test.ts verifies. */
export const CASES = {
  'login: only the name with a fresh code': 2_000,
  'login: unknown user like wrong code': 400,
  'sessions: match the model': 80,
  'events: exactly once': 300,
  'throttle: match the limits': 500,
  'throttle: anonymous clients isolated': 300,
  'droplets: names': 1_500,
  'droplets: paths': 1_000,
  'droplets: numbers': 500,
  'droplets: probe output': 1_500,
  'bodies: any bytes': 1_500,
  'bodies: size': 400,
  'bodies: depth': 500,
  'bodies: forms match JSON': 1_000,
  'credentials: all locations': 2_000,
  'credentials: other headers': 1_000,
  'credentials: other tokens': 600,
  'usernames: added': 800,
  'usernames: in a path': 800,
  'network: forwarded': 1_500,
  'network: prefixes': 1_000,
  'config: any value': 4_000,
  'age: formatting': 1_000,
  'log: lines': 1_000,
  'event streams: chunking': 1_000,
  'event streams: any bytes': 1_000,
  'writes: serializable': 300,
  'backups: any corruption': 1_000,
} as const

/** A case that takes longer hangs. Generous enough for a busy machine. */
const CASE_LIMIT_MS = 30_000
/** Below the timeout of a test, so that a failure is reported with its seed even if shrinking takes long. */
const RUN_LIMIT_MS = 90_000

/**
 * Checks a property on the examples and then on random cases, `CASES[name]` in total. A failure is shrunk and printed
 * with its seed; `fc.assert(..., { seed, path })` reproduces it.
 * @param property throws if it does not hold
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

/** Short strings of any script, with control characters. */
export const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary-ascii' }),
)

/** Any JSON value, including keys like `__proto__` and `toString`. */
export const anyJson = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' })

/** Typical attack strings, used as names, codes, tokens and path segments. */
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
