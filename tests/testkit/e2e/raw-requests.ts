import { expect } from 'bun:test'
import { openRawConnection, type RawResponse } from './raw-connection.ts'

export const HOST_HEADER = 'Host: matrix.test\r\n'
export const LIST_PATH = '/api/v1/user/list'
export const LOGIN_PATH = '/api/v1/user/auth'
const JSON_TYPE = 'Content-Type: application/json\r\n'

export const getRequest = (target: string, headers = '', version = 'HTTP/1.1') =>
  `GET ${target} ${version}\r\n${HOST_HEADER}${headers}\r\n`

export const listRequest = (token: string) => getRequest(LIST_PATH, bearerHeader(token))

export const bearerHeader = (token: string) => `Authorization: Bearer ${token}\r\n`

/** A request with a JSON body and its length. */
export const postRequest = (body: string, headers = '', target = LOGIN_PATH) =>
  `POST ${target} HTTP/1.1\r\n${HOST_HEADER}${JSON_TYPE}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

/** A login with these headers, without a length unless they contain one. */
export const loginRequest = (headers: string, body = '{}') =>
  `POST ${LOGIN_PATH} HTTP/1.1\r\n${HOST_HEADER}${JSON_TYPE}${headers}\r\n${body}`

export const chunkedRequest = (body: string) => loginRequest('Transfer-Encoding: chunked\r\n', body)

/** The status of a response, and the id of its error. */
export interface ResponseSummary {
  status: number
  errorId?: number
}

export const success: ResponseSummary = { status: 200 }
export const malformed: ResponseSummary = { status: 400, errorId: 917 }
export const missingFields: ResponseSummary = { status: 400, errorId: 901 }
export const unknownToken: ResponseSummary = { status: 401, errorId: 908 }
export const notFound: ResponseSummary = { status: 404, errorId: 404 }
export const tooLarge: ResponseSummary = { status: 413, errorId: 920 }

/** A request with a known response after which the server closes the connection. */
export const LAST_REQUEST = getRequest('/the-last', 'Connection: close\r\n')
export const LAST_RESPONSE = notFound

/** Fails the test for a response that is neither empty (Bun's own rejections) nor JSON as in the contract. */
export function summarize({ status, headers, body }: RawResponse): ResponseSummary {
  if (body === '') return { status }
  expect(headers.get('content-type')).toStartWith('application/json')
  const parsed: unknown = JSON.parse(body)
  if (status === 200) return { status }
  expect(parsed).toEqual({ error: expect.any(String), errorId: expect.any(Number) })
  return { status, errorId: (parsed as { errorId: number }).errorId }
}

/** Sends the bytes and waits for `count` responses, then sends `LAST_REQUEST` and waits for the close. */
export async function sendAndSummarize(url: string, bytes: string | Buffer, count = 1): Promise<ResponseSummary[]> {
  using connection = openRawConnection(url)
  connection.send(bytes)
  await connection.waitForResponses(count)
  connection.send(LAST_REQUEST)
  return (await connection.waitForClose()).map(summarize)
}
