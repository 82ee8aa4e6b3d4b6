import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { catalogue } from '../../src/core/errors.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { errorIdIn, sendRequest } from '../testkit/api/wire-response.ts'
import { STEP_MS } from '../testkit/auth/time-step.ts'
import { codeAt } from '../testkit/auth/totp.ts'
import { anyJson, anyText, checkProperty, hostileTexts } from '../testkit/properties/check-property.ts'

/** Long enough to free every time step and to end every lock and failure window. */
const RESET_ALL_MS = 366 * 86_400_000

/** Builds a field as JSON from the currently valid value. */
type BuildField = (validValue: string) => string

const json = (value: unknown) => JSON.stringify(value) ?? 'null'
const digits = fc.integer({ min: 0, max: 999_999 }).map(number => String(number).padStart(6, '0'))
const fullWidth = (text: string) => text.replace(/\d/g, digit => String.fromCodePoint(0xff10 + Number(digit)))

/** A field as JSON: the valid value, something similar, or anything. */
function fieldCases(nearMisses: fc.Arbitrary<BuildField>): fc.Arbitrary<BuildField> {
  const wrappedValues = fc.tuple(anyText, anyText).map(
    ([before, after]) =>
      (validValue: string) =>
        json(`${before}${validValue}${after}`),
  )
  const anyValues = fc.oneof(anyText, fc.constantFrom(...hostileTexts), anyJson).map(value => () => json(value))
  return fc.oneof(
    fc.constant((validValue: string) => json(validValue)),
    nearMisses,
    wrappedValues,
    anyValues,
  )
}

const usernames = fieldCases(
  fc.constantFrom<BuildField[]>(
    validValue => json(validValue.toUpperCase()),
    validValue => json([validValue]),
    validValue => json({ username: validValue }),
    validValue => json(`${validValue}\0`),
    validValue => json(fullWidth(validValue)),
  ),
)

const codes = fieldCases(
  fc.oneof(
    digits.map(text => () => json(text)),
    fc.constantFrom<BuildField[]>(
      validValue => String(Number(validValue)),
      validValue => `${Number(validValue)}.0`,
      validValue => `${Number(validValue)}e0`,
      validValue => `-${Number(validValue)}`,
      validValue => `${Number(validValue)}.5`,
      validValue => json(validValue.slice(1)),
      validValue => json(fullWidth(validValue)),
      validValue => json([validValue]),
      validValue => json([...validValue]),
      validValue => json({ $eq: validValue }),
      validValue => json(Number(validValue).toString(16)),
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(number => () => json(number)),
  ),
)

interface Attempt {
  username: BuildField
  code: BuildField
  /** The time step of the valid code, relative to the current one. */
  step: number
  otherFields: [string, unknown][]
}

const attempts: fc.Arbitrary<Attempt> = fc.record({
  username: usernames,
  code: codes,
  step: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.integer({ min: -3, max: 3 })),
  otherFields: fc.array(fc.tuple(anyText, anyJson), { maxLength: 3 }),
})

/** The expected error id (200 for success) for these fields. */
function expectedStatus(fields: Record<string, unknown>, freshCodes: string[]): number {
  const { username, code } = fields
  const isMissing = [username, code].some(field => field === undefined || field === null || field === '')
  if (isMissing) return 901
  if (typeof username !== 'string') return 917
  const codeText = typeof code === 'number' ? String(code) : code
  return username === 'ada' && typeof codeText === 'string' && freshCodes.includes(codeText) ? 200 : 902
}

const errorTexts = new Map([
  [901, catalogue.credentialsMissing.text],
  [902, catalogue.codeRefused.text],
  [917, 'The "username" must be text'],
])

test('only the exact name with a fresh code logs in, and no error text echoes the input', async () => {
  await using api = await createTestApi()
  const { secret } = await api.createUser('ada', 'viewer')
  await checkProperty(
    'login: only the name with a fresh code',
    attempts,
    async ({ username, code, step, otherFields }) => {
      api.clock.advance(RESET_ALL_MS)
      const now = api.clock.now()
      const validValue = codeAt(secret, now + step * STEP_MS)
      const fields = [...otherFields.map(([name, value]) => `${json(name)}:${json(value)}`)]
      const body = `{${[...fields, `"username":${username('ada')}`, `"code":${code(validValue)}`].join()}}`
      const sentFields: Record<string, unknown> = JSON.parse(body)
      const id = expectedStatus(sentFields, [codeAt(secret, now), codeAt(secret, now - STEP_MS)])

      const response = await sendRequest(api, 'POST', '/user/auth', {
        body,
        headers: { 'content-type': 'application/json' },
      })
      if (id === 200) {
        expect({ body, status: response.status }).toEqual({ body, status: 200 })
        expect(await deleteSessions(api)).toBe(1)
      } else {
        expect({ body, id: errorIdIn(response) }).toEqual({ body, id })
        // The complete text is fixed, so it contains nothing of the input.
        expect(response.text).toBe(JSON.stringify({ error: errorTexts.get(id), errorId: id }))
        expect(await deleteSessions(api)).toBe(0)
      }
    },
  )
})

/** Deletes all sessions. @returns how many there were */
async function deleteSessions(api: TestApi): Promise<number> {
  const { db } = api.context
  return await db.write(() => db.sql.run('DELETE FROM sessions').changes)
}

const tries = fc.record({
  code: fc.oneof(digits, fc.constantFrom('', '12345', '0000000', '１２３４５６'), fc.integer(), fc.constant(null)),
  wait: fc.constantFrom(0, 1_000, 59_999, 60_000, 120_000, 3_600_000),
})

const unknownNameCases = fc.record({
  name: fc
    .oneof(anyText, fc.constantFrom(...hostileTexts, 'Ada', 'ADA', 'ada '))
    .filter(name => name !== '' && name !== 'ada'),
  attempts: fc.array(tries, { minLength: 1, maxLength: 12 }),
})

test('wrong codes get byte-identical responses for unknown and existing users', async () => {
  await using api = await createTestApi()
  const { secret } = await api.createUser('ada', 'viewer')

  async function loginResponses(username: string, start: number, attempts: { code: unknown; wait: number }[]) {
    await api.clearFailures()
    api.clock.adjust(start - api.clock.now())
    const responses: unknown[] = []
    for (const { code, wait } of attempts) {
      api.clock.advance(wait)
      const now = api.clock.now()
      const isFresh = [codeAt(secret, now), codeAt(secret, now - STEP_MS)].includes(String(code))
      const body = JSON.stringify({ username, code: isFresh ? 'not this one' : code })
      responses.push(
        await sendRequest(api, 'POST', '/user/auth', { body, headers: { 'content-type': 'application/json' } }),
      )
    }
    return responses
  }

  await checkProperty('login: unknown user like wrong code', unknownNameCases, async ({ name, attempts }) => {
    const start = api.clock.now() + RESET_ALL_MS
    expect(await loginResponses(name, start, attempts)).toEqual(
      await loginResponses('ada', start + RESET_ALL_MS, attempts),
    )
  })
})
