import { afterAll, beforeAll, expect, test } from 'bun:test'
import { currentCode, type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { openRaw, type RawAnswer } from '../_support/e2e/raw-http.ts'
import {
  bearer,
  get,
  LAST,
  LAST_ANSWER,
  notFound,
  post,
  type Summary,
  summaryOf,
  unknownToken,
} from '../_support/e2e/raw-requests.ts'

// Requests that are sent without waiting for the answers before them (RFC 9112 section 9.3.2).

const USERS = ['ada', 'bob', 'eve']

let matrix: Matrix
const tokens = new Map<string, string>()

beforeAll(async () => {
  matrix = await startMatrix({ socket: '/nonexistent/docker.sock' })
  for (const username of USERS) {
    const { secret } = await matrix.createUser(username, 'viewer')
    const json = JSON.stringify({ username, code: await currentCode(secret) })
    using connection = openRaw(matrix.url)
    connection.send(post(json, `User-Agent: of ${username}\r\n`))
    const [answer] = await connection.answers(1)
    tokens.set(username, JSON.parse(answer?.body ?? '').access_token)
  }
})
afterAll(() => matrix[Symbol.asyncDispose]())

interface Asked {
  request: string
  /** For a success, whose sessions were shown. */
  answer: Summary & { agents?: string[] }
}

/** Each user asks for its own sessions, which tell by their agent whose they are, and is asked for by others. */
function questions(): Asked[] {
  return USERS.flatMap((username, index) => {
    const ask = (caller?: string) =>
      get(`/api/v1/user/sessions/${username}`, caller ? bearer(tokens.get(caller) ?? '') : '')
    return [
      { request: ask(username), answer: { status: 200, agents: [`of ${username}`] } },
      { request: ask(USERS[(index + 1) % USERS.length]), answer: { status: 403, errorId: 912 } },
      { request: ask(), answer: unknownToken },
      { request: get(`/api/v1/${username}`), answer: notFound },
    ]
  })
}

/** Sends all of them at once. @returns what was answered until the server closed, and what should be */
async function exchange(asked: Asked[]) {
  using connection = openRaw(matrix.url)
  connection.send(asked.map(({ request }) => request).join('') + LAST)
  const answers = await connection.toItsEnd()
  return {
    ids: answers.map(({ headers }) => headers.get('x-request-id')),
    answered: answers.map(answerOf),
    expected: [...asked.map(({ answer }) => answer), LAST_ANSWER],
  }
}

function answerOf(answer: RawAnswer): Asked['answer'] {
  if (answer.status !== 200) return summaryOf(answer)
  return { status: 200, agents: JSON.parse(answer.body).map(({ agent }: { agent: string }) => agent) }
}

test('a hundred requests on each of 20 connections are answered in their order, each with its own', async () => {
  const asked = questions()
  // Another order on each connection.
  const rounds = Array.from({ length: 20 }, (_, connection) =>
    Array.from({ length: 100 }, (_, turn) => asked[(turn * (connection + 1) + connection) % asked.length]),
  )
  const exchanges = await Promise.all(
    rounds.map(async round => await exchange(round.filter(question => question !== undefined))),
  )
  for (const { answered, expected } of exchanges) expect(answered).toEqual(expected)
  expect(new Set(exchanges.flatMap(({ ids }) => ids)).size).toBe(20 * 101)
})

test('behind one that takes its time, they are answered in their order or not at all', async () => {
  // Bun hangs up on who does not wait for such an answer; what must not be is an answer to another request.
  const slow: Asked = { request: post('{"username":"nobody","code":"000000"}'), answer: { status: 400, errorId: 902 } }
  const asked = questions()
  for (const at of [0, 1, 5]) {
    const { answered, expected } = await exchange([...asked.slice(0, at), slow, ...asked.slice(at)])
    expect(answered.length).toBeGreaterThanOrEqual(at)
    expect(answered).toEqual(expected.slice(0, answered.length))
  }
})
