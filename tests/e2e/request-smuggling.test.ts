import { describe, expect, test } from 'bun:test'
import { openRawConnection } from '../testkit/e2e/raw-connection.ts'
import {
  bearerHeader,
  chunkedRequest,
  HOST_HEADER,
  LAST_REQUEST,
  LAST_RESPONSE,
  LIST_PATH,
  LOGIN_PATH,
  listRequest,
  loginRequest,
  malformed,
  missingFields,
  notFound,
  postRequest,
  type ResponseSummary,
  sendAndSummarize,
  success,
  summarize,
  tooLarge,
  unknownToken,
} from '../testkit/e2e/raw-requests.ts'
import type { ServerProcess } from '../testkit/e2e/server-process.ts'
import { useSharedServer } from '../testkit/e2e/shared-server.ts'

// Requests hidden inside another request, for example behind a proxy that parses the bytes differently.

type RequestBytes = () => string | Buffer

let server: ServerProcess
let token: string

useSharedServer((process, ownerToken) => {
  server = process
  token = ownerToken
})

describe('does not execute a request hidden in the body', () => {
  const requestWithin = (method: string, target: string, headers = '') => {
    const innerRequest = listRequest(token)
    return `${method} ${target} HTTP/1.1\r\n${HOST_HEADER}${headers}Content-Length: ${innerRequest.length}\r\n\r\n${innerRequest}`
  }

  test.each<[string, RequestBytes, ResponseSummary]>([
    ['of a GET', () => requestWithin('GET', LIST_PATH), unknownToken],
    ['of a GET with a token', () => requestWithin('GET', LIST_PATH, bearerHeader(token)), success],
    ['of a POST', () => requestWithin('POST', LOGIN_PATH), malformed],
    ['of a DELETE', () => requestWithin('DELETE', '/api/v1/user/delete/x', bearerHeader(token)), malformed],
    ['of an OPTIONS', () => requestWithin('OPTIONS', LIST_PATH), notFound],
    ['of a TRACE', () => requestWithin('TRACE', LIST_PATH), notFound],
    ['of an unknown route', () => requestWithin('POST', '/x'), notFound],
    [
      'in chunks',
      () => chunkedRequest(`${listRequest(token).length.toString(16)}\r\n${listRequest(token)}\r\n0\r\n\r\n`),
      malformed,
    ],
  ])('%s', async (_, bytes, expected) => {
    expect(await sendAndSummarize(server.url, bytes())).toEqual([expected, LAST_RESPONSE])
  })

  test.each<[string, RequestBytes]>([
    [
      'after chunks, with a length that ends before it',
      () => loginRequest('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${listRequest(token)}`),
    ],
    [
      'after chunks, with a length that goes beyond it',
      () =>
        loginRequest(
          `Transfer-Encoding: chunked\r\nContent-Length: ${5 + listRequest(token).length}\r\n`,
          `0\r\n\r\n${listRequest(token)}`,
        ),
    ],
    [
      'behind a Transfer-Encoding with a space before the colon',
      () => loginRequest('Content-Length: 4\r\nTransfer-Encoding : chunked\r\n', `0\r\n\r\n${listRequest(token)}`),
    ],
    [
      'behind a Transfer-Encoding on a folded line',
      () => loginRequest('Content-Length: 4\r\nTransfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${listRequest(token)}`),
    ],
    [
      'behind a Transfer-Encoding after a bare line feed',
      () => loginRequest('Content-Length: 4\r\nX: y\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${listRequest(token)}`),
    ],
    [
      'behind a chunk whose size ends in a bare line feed',
      () => chunkedRequest(`2;a\nxx\r\n{}\r\n0\r\n\r\n${listRequest(token)}`),
    ],
    [
      'in the extension of a chunk',
      () => chunkedRequest(`2;${listRequest(token).replaceAll('\r\n', ' ')}\r\n{}\r\n0\r\n\r\n`),
    ],
    [
      'behind a second, smaller length',
      () =>
        loginRequest(
          `Content-Length: ${2 + listRequest(token).length}\r\nContent-Length: 2\r\n`,
          `{}${listRequest(token)}`,
        ),
    ],
  ])('rejects the whole request: %s', async (_, bytes) => {
    expect(await sendAndSummarize(server.url, bytes())).toEqual([{ status: 400 }])
  })

  test('but answers a request that starts where a body ends, which proves that the test would notice', async () => {
    expect(await sendAndSummarize(server.url, `${postRequest('{}')}${listRequest(token)}`, 2)).toEqual([
      missingFields,
      success,
      LAST_RESPONSE,
    ])
  })

  test('in place of trailers: the body is answered and the rest rejected', async () => {
    for (const trailer of [
      listRequest(token),
      `XX${listRequest(token)}`,
      `${bearerHeader(token)}\r\n${listRequest(token)}`,
    ]) {
      expect(await sendAndSummarize(server.url, chunkedRequest(`2\r\n{}\r\n0\r\n${trailer}`))).toEqual([
        missingFields,
        { status: 400 },
      ])
    }
  })

  test('of a body that is too large, complete or not', async () => {
    expect(await sendAndSummarize(server.url, postRequest(`${' '.repeat(20_000)}${listRequest(token)}`))).toEqual([
      tooLarge,
      LAST_RESPONSE,
    ])
    const announced = loginRequest(
      `Content-Length: ${20_000 + listRequest(token).length + LAST_REQUEST.length}\r\n`,
      listRequest(token),
    )
    using connection = openRawConnection(server.url)
    connection.send(announced)
    await connection.waitForResponses(1)
    connection.send(LAST_REQUEST)
    connection.endWriting()
    expect((await connection.waitForClose()).map(summarize)).toEqual([tooLarge])
  })
})
