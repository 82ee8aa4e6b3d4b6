import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { catalogue } from '../../src/errors.ts'
import { createTestApi, type TestApi } from '../_support/api.ts'
import { codeAt } from '../_support/codes.ts'
import { refusalIn, send } from '../_support/exchange.ts'
import { anyJson, anyText, holds, hostileTexts } from '../_support/properties.ts'

const STEP = 30_000
/** After which no step was taken yet, every lock is over, and every count of failures begins anew. */
const LONG_ENOUGH = 366 * 86_400_000

/** How a field of a case is made, of what is right at its moment. */
type Made = (right: string) => string

const json = (value: unknown) => JSON.stringify(value) ?? 'null'
const digits = fc.integer({ min: 0, max: 999_999 }).map(number => String(number).padStart(6, '0'))
const fullWidth = (text: string) => text.replace(/\d/g, digit => String.fromCodePoint(0xff10 + Number(digit)))

/** A field as JSON: the right value, something close to it, or anything. */
function fieldLike(close: fc.Arbitrary<Made>): fc.Arbitrary<Made> {
  const wrapped = fc.tuple(anyText, anyText).map(
    ([before, after]) =>
      (right: string) =>
        json(`${before}${right}${after}`),
  )
  const anything = fc.oneof(anyText, fc.constantFrom(...hostileTexts), anyJson).map(value => () => json(value))
  return fc.oneof(
    fc.constant((right: string) => json(right)),
    close,
    wrapped,
    anything,
  )
}

const usernames = fieldLike(
  fc.constantFrom<Made[]>(
    right => json(right.toUpperCase()),
    right => json([right]),
    right => json({ username: right }),
    right => json(`${right}\0`),
    right => json(fullWidth(right)),
  ),
)

const codes = fieldLike(
  fc.oneof(
    digits.map(text => () => json(text)),
    fc.constantFrom<Made[]>(
      right => String(Number(right)),
      right => `${Number(right)}.0`,
      right => `${Number(right)}e0`,
      right => `-${Number(right)}`,
      right => `${Number(right)}.5`,
      right => json(right.slice(1)),
      right => json(fullWidth(right)),
      right => json([right]),
      right => json([...right]),
      right => json({ $eq: right }),
      right => json(Number(right).toString(16)),
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(number => () => json(number)),
  ),
)

interface Attempt {
  username: Made
  code: Made
  /** Of which step the right code is, counted from the present one. */
  step: number
  others: [string, unknown][]
}

const attempts: fc.Arbitrary<Attempt> = fc.record({
  username: usernames,
  code: codes,
  step: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.integer({ min: -3, max: 3 })),
  others: fc.array(fc.tuple(anyText, anyJson), { maxLength: 3 }),
})

/** What contract.md says of these fields, at a moment when the codes are `fresh`. */
function expected(fields: Record<string, unknown>, fresh: string[]): number {
  const { username, code } = fields
  const absent = [username, code].some(field => field === undefined || field === null || field === '')
  if (absent) return 901
  if (typeof username !== 'string') return 917
  const shown = typeof code === 'number' ? String(code) : code
  return username === 'ada' && typeof shown === 'string' && fresh.includes(shown) ? 200 : 902
}

const texts = new Map([
  [901, catalogue.credentialsMissing.text],
  [902, catalogue.codeRefused.text],
  [917, 'The "username" must be a text'],
])

test('nothing but the exact name with a fresh code of six digits logs in, and no refusal says more than its own words', async () => {
  await using api = await createTestApi()
  const { secret } = await api.createUser('ada', 'viewer')
  await holds('login: only the name and its code', attempts, async ({ username, code, step, others }) => {
    api.clock.move(LONG_ENOUGH)
    const now = api.clock.now()
    const right = codeAt(secret, now + step * STEP)
    const fields = [...others.map(([name, value]) => `${json(name)}:${json(value)}`)]
    const body = `{${[...fields, `"username":${username('ada')}`, `"code":${code(right)}`].join()}}`
    const id = expected(JSON.parse(body), [codeAt(secret, now), codeAt(secret, now - STEP)])

    const answer = await send(api, 'POST', '/user/auth', { body, headers: { 'content-type': 'application/json' } })
    if (id === 200) {
      expect({ body, status: answer.status }).toEqual({ body, status: 200 })
      expect(await countSessions(api)).toBe(1)
    } else {
      expect({ body, id: refusalIn(answer) }).toEqual({ body, id })
      // The whole text is known beforehand: there is nothing of the input in it.
      expect(answer.text).toBe(JSON.stringify({ error: texts.get(id), errorId: id }))
      expect(await countSessions(api)).toBe(0)
    }
  })
})

/** Ends the sessions that there are. @returns how many there were */
async function countSessions(api: TestApi): Promise<number> {
  const { db } = api.context
  return await db.write(() => db.sql.run('DELETE FROM sessions').changes)
}

const tries = fc.record({
  code: fc.oneof(digits, fc.constantFrom('', '12345', '0000000', '１２３４５６'), fc.integer(), fc.constant(null)),
  wait: fc.constantFrom(0, 1_000, 59_999, 60_000, 120_000, 3_600_000),
})

const unknownNames = fc.record({
  name: fc
    .oneof(anyText, fc.constantFrom(...hostileTexts, 'Ada', 'ADA', 'ada '))
    .filter(name => name !== '' && name !== 'ada'),
  attempts: fc.array(tries, { minLength: 1, maxLength: 12 }),
})

test('a name that nobody has is answered byte for byte as one that somebody has, wrong code after wrong code', async () => {
  await using api = await createTestApi()
  const { secret } = await api.createUser('ada', 'viewer')

  async function answers(username: string, start: number, attempts: { code: unknown; wait: number }[]) {
    await api.forgetFailures()
    api.clock.set(start - api.clock.now())
    const given: unknown[] = []
    for (const { code, wait } of attempts) {
      api.clock.move(wait)
      const now = api.clock.now()
      const fits = [codeAt(secret, now), codeAt(secret, now - STEP)].includes(String(code))
      const body = JSON.stringify({ username, code: fits ? 'not this one' : code })
      given.push(await send(api, 'POST', '/user/auth', { body, headers: { 'content-type': 'application/json' } }))
    }
    return given
  }

  await holds('login: unknown like wrong', unknownNames, async ({ name, attempts }) => {
    const start = api.clock.now() + LONG_ENOUGH
    expect(await answers(name, start, attempts)).toEqual(await answers('ada', start + LONG_ENOUGH, attempts))
  })
})
