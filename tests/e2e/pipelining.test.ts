import { afterAll, beforeAll, expect, test } from 'bun:test'
import { openRawConnection, type RawResponse } from '../testkit/e2e/raw-connection.ts'
import {
  bearerHeader,
  getRequest,
  LAST_REQUEST,
  LAST_RESPONSE,
  notFound,
  postRequest,
  type ResponseSummary,
  summarize,
  unknownToken,
} from '../testkit/e2e/raw-requests.ts'
import { currentCode, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

// Requests sent without waiting for earlier responses (RFC 9112 section 9.3.2).

const USERS = ['ada', 'bob', 'eve']

let server: ServerProcess
const tokens = new Map<string, string>()

beforeAll(async () => {
  server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
  for (const username of USERS) {
    const { secret } = await server.createUser(username, 'viewer')
    const json = JSON.stringify({ username, code: await currentCode(secret) })
    using connection = openRawConnection(server.url)
    connection.send(postRequest(json, `User-Agent: of ${username}\r\n`))
    const [response] = await connection.waitForResponses(1)
    tokens.set(username, JSON.parse(response?.body ?? '').access_token)
  }
})
afterAll(() => server[Symbol.asyncDispose]())

interface PipelinedRequest {
  request: string
  /** The user agents of the returned sessions, for a success. */
  expected: ResponseSummary & { agents?: string[] }
}

/** For each user: a request for their own sessions, whose agents identify the user, and requests that must fail. */
function createRequests(): PipelinedRequest[] {
  return USERS.flatMap((username, index) => {
    const sessionsRequest = (sender?: string) =>
      getRequest(`/api/v1/user/sessions/${username}`, sender ? bearerHeader(tokens.get(sender) ?? '') : '')
    return [
      { request: sessionsRequest(username), expected: { status: 200, agents: [`of ${username}`] } },
      { request: sessionsRequest(USERS[(index + 1) % USERS.length]), expected: { status: 403, errorId: 912 } },
      { request: sessionsRequest(), expected: unknownToken },
      { request: getRequest(`/api/v1/${username}`), expected: notFound },
    ]
  })
}

/** Sends all requests at once. @returns the received and the expected responses */
async function sendAll(requests: PipelinedRequest[]) {
  using connection = openRawConnection(server.url)
  connection.send(requests.map(({ request }) => request).join('') + LAST_REQUEST)
  const responses = await connection.waitForClose()
  return {
    ids: responses.map(({ headers }) => headers.get('x-request-id')),
    received: responses.map(summarizeResponse),
    expected: [...requests.map(({ expected }) => expected), LAST_RESPONSE],
  }
}

function summarizeResponse(response: RawResponse): PipelinedRequest['expected'] {
  if (response.status !== 200) return summarize(response)
  return { status: 200, agents: JSON.parse(response.body).map(({ agent }: { agent: string }) => agent) }
}

test('a hundred requests on each of 20 connections get their own responses in order', async () => {
  const requests = createRequests()
  // A different order on each connection.
  const rounds = Array.from({ length: 20 }, (_, connection) =>
    Array.from({ length: 100 }, (_, turn) => requests[(turn * (connection + 1) + connection) % requests.length]),
  )
  const exchanges = await Promise.all(
    rounds.map(async round => await sendAll(round.filter(request => request !== undefined))),
  )
  for (const { received, expected } of exchanges) expect(received).toEqual(expected)
  expect(new Set(exchanges.flatMap(({ ids }) => ids)).size).toBe(20 * 101)
})

test('requests behind a slow one get their own responses in order, or none', async () => {
  // Bun may close the connection of a client that does not wait; it must never send the response to another request.
  const slow: PipelinedRequest = {
    request: postRequest('{"username":"unknown","code":"000000"}'),
    expected: { status: 400, errorId: 902 },
  }
  const requests = createRequests()
  for (const at of [0, 1, 5]) {
    const { received, expected } = await sendAll([...requests.slice(0, at), slow, ...requests.slice(at)])
    expect(received.length).toBeGreaterThanOrEqual(at)
    expect(received).toEqual(expected.slice(0, received.length))
  }
})
