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

// Requests that are sent without waiting for the answers before them (RFC 9112 section 9.3.2).

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
  /** For a success, whose sessions were shown. */
  expected: ResponseSummary & { agents?: string[] }
}

/** Each user asks for its own sessions, which tell by their agent whose they are, and is asked for by others. */
function createRequests(): PipelinedRequest[] {
  return USERS.flatMap((username, index) => {
    const sessionsRequest = (caller?: string) =>
      getRequest(`/api/v1/user/sessions/${username}`, caller ? bearerHeader(tokens.get(caller) ?? '') : '')
    return [
      { request: sessionsRequest(username), expected: { status: 200, agents: [`of ${username}`] } },
      { request: sessionsRequest(USERS[(index + 1) % USERS.length]), expected: { status: 403, errorId: 912 } },
      { request: sessionsRequest(), expected: unknownToken },
      { request: getRequest(`/api/v1/${username}`), expected: notFound },
    ]
  })
}

/** Sends all of them at once. @returns what was answered until the server closed, and what should be */
async function sendAll(requests: PipelinedRequest[]) {
  using connection = openRawConnection(server.url)
  connection.send(requests.map(({ request }) => request).join('') + LAST_REQUEST)
  const answers = await connection.waitForClose()
  return {
    ids: answers.map(({ headers }) => headers.get('x-request-id')),
    received: answers.map(summarizeResponse),
    expected: [...requests.map(({ expected }) => expected), LAST_RESPONSE],
  }
}

function summarizeResponse(response: RawResponse): PipelinedRequest['expected'] {
  if (response.status !== 200) return summarize(response)
  return { status: 200, agents: JSON.parse(response.body).map(({ agent }: { agent: string }) => agent) }
}

test('a hundred requests on each of 20 connections are answered in their order, each with its own', async () => {
  const requests = createRequests()
  // Another order on each connection.
  const rounds = Array.from({ length: 20 }, (_, connection) =>
    Array.from({ length: 100 }, (_, turn) => requests[(turn * (connection + 1) + connection) % requests.length]),
  )
  const exchanges = await Promise.all(
    rounds.map(async round => await sendAll(round.filter(request => request !== undefined))),
  )
  for (const { received, expected } of exchanges) expect(received).toEqual(expected)
  expect(new Set(exchanges.flatMap(({ ids }) => ids)).size).toBe(20 * 101)
})

test('behind one that takes its time, they are answered in their order or not at all', async () => {
  // Bun hangs up on who does not wait for such an answer; what must not be is an answer to another request.
  const slow: PipelinedRequest = {
    request: postRequest('{"username":"nobody","code":"000000"}'),
    expected: { status: 400, errorId: 902 },
  }
  const requests = createRequests()
  for (const at of [0, 1, 5]) {
    const { received, expected } = await sendAll([...requests.slice(0, at), slow, ...requests.slice(at)])
    expect(received.length).toBeGreaterThanOrEqual(at)
    expect(received).toEqual(expected.slice(0, received.length))
  }
})
