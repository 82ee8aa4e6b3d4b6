import { expect } from 'bun:test'
import { openRaw, type RawAnswer } from './raw-http.ts'

export const HOST = 'Host: matrix.test\r\n'
export const LIST = '/api/v1/user/list'
export const LOGIN = '/api/v1/user/auth'
const JSON_TYPE = 'Content-Type: application/json\r\n'

export const get = (target: string, headers = '', version = 'HTTP/1.1') =>
  `GET ${target} ${version}\r\n${HOST}${headers}\r\n`

/** The list of users as a user asks for it. */
export const listAs = (token: string) => get(LIST, bearer(token))

export const bearer = (token: string) => `Authorization: Bearer ${token}\r\n`

/** A request with a body in JSON and its length. */
export const post = (body: string, headers = '', target = LOGIN) =>
  `POST ${target} HTTP/1.1\r\n${HOST}${JSON_TYPE}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

/** A login with these headers, and no length unless they say it. */
export const postWith = (headers: string, body = '{}') =>
  `POST ${LOGIN} HTTP/1.1\r\n${HOST}${JSON_TYPE}${headers}\r\n${body}`

export const chunked = (body: string) => postWith('Transfer-Encoding: chunked\r\n', body)

/** What an answer comes to: the status, and the id of an error. */
export interface Summary {
  status: number
  errorId?: number
}

export const good: Summary = { status: 200 }
export const malformed: Summary = { status: 400, errorId: 917 }
export const missing: Summary = { status: 400, errorId: 901 }
export const unknownToken: Summary = { status: 401, errorId: 908 }
export const notFound: Summary = { status: 404, errorId: 404 }
export const tooLarge: Summary = { status: 413, errorId: 920 }

/** A request of which it is known how it is answered, and that it is the last one. */
export const LAST = get('/the-last', 'Connection: close\r\n')
export const LAST_ANSWER = notFound

/** An answer that is neither empty, as Bun's own refusals are, nor JSON as contract.md has it fails the test. */
export function summaryOf({ status, headers, body }: RawAnswer): Summary {
  if (body === '') return { status }
  expect(headers.get('content-type')).toStartWith('application/json')
  const parsed: unknown = JSON.parse(body)
  if (status === 200) return { status }
  expect(parsed).toEqual({ error: expect.any(String), errorId: expect.any(Number) })
  return { status, errorId: (parsed as { errorId: number }).errorId }
}

/** Sends the bytes, waits for as many answers, and then for the one to `LAST` where the server still listens. */
export async function answersTo(url: string, bytes: string | Buffer, count = 1): Promise<Summary[]> {
  using connection = openRaw(url)
  connection.send(bytes)
  await connection.answers(count)
  connection.send(LAST)
  return (await connection.toItsEnd()).map(summaryOf)
}
