import { describe, expect, test } from 'bun:test'
import type { Matrix } from '../_support/e2e/matrix.ts'
import { openRaw } from '../_support/e2e/raw-http.ts'
import {
  answersTo,
  bearer,
  chunked,
  good,
  HOST,
  LAST,
  LAST_ANSWER,
  LIST,
  LOGIN,
  listAs,
  malformed,
  missing,
  notFound,
  post,
  postWith,
  type Summary,
  summaryOf,
  tooLarge,
  unknownToken,
} from '../_support/e2e/raw-requests.ts'
import { serveUntouched } from '../_support/e2e/untouched.ts'

// A request that hides in another one, from a proxy in front, say, that reads the bytes in another way.

type Bytes = () => string | Buffer

let matrix: Matrix
let token: string

serveUntouched((started, owner) => {
  matrix = started
  token = owner
})

describe('a request in the body of another is no request:', () => {
  const within = (method: string, target: string, headers = '') => {
    const inner = listAs(token)
    return `${method} ${target} HTTP/1.1\r\n${HOST}${headers}Content-Length: ${inner.length}\r\n\r\n${inner}`
  }

  test.each<[string, Bytes, Summary]>([
    ['of a GET', () => within('GET', LIST), unknownToken],
    ['of a GET that has a token', () => within('GET', LIST, bearer(token)), good],
    ['of a POST', () => within('POST', LOGIN), malformed],
    ['of a DELETE', () => within('DELETE', '/api/v1/user/delete/x', bearer(token)), malformed],
    ['of an OPTIONS', () => within('OPTIONS', LIST), notFound],
    ['of a TRACE', () => within('TRACE', LIST), notFound],
    ['of a route that is none', () => within('POST', '/x'), notFound],
    ['in chunks', () => chunked(`${listAs(token).length.toString(16)}\r\n${listAs(token)}\r\n0\r\n\r\n`), malformed],
  ])('%s', async (_, bytes, expected) => {
    expect(await answersTo(matrix.url, bytes())).toEqual([expected, LAST_ANSWER])
  })

  test.each<[string, Bytes]>([
    [
      'after chunks, with a length that ends before it',
      () => postWith('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${listAs(token)}`),
    ],
    [
      'after chunks, with a length that goes beyond it',
      () =>
        postWith(
          `Transfer-Encoding: chunked\r\nContent-Length: ${5 + listAs(token).length}\r\n`,
          `0\r\n\r\n${listAs(token)}`,
        ),
    ],
    [
      'behind a coding with a space before the colon',
      () => postWith('Content-Length: 4\r\nTransfer-Encoding : chunked\r\n', `0\r\n\r\n${listAs(token)}`),
    ],
    [
      'behind a coding on a folded line',
      () => postWith('Content-Length: 4\r\nTransfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${listAs(token)}`),
    ],
    [
      'behind a coding after a bare line feed',
      () => postWith('Content-Length: 4\r\nX: y\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${listAs(token)}`),
    ],
    ['behind a chunk whose size ends in a bare line feed', () => chunked(`2;a\nxx\r\n{}\r\n0\r\n\r\n${listAs(token)}`)],
    ['in the extension of a chunk', () => chunked(`2;${listAs(token).replaceAll('\r\n', ' ')}\r\n{}\r\n0\r\n\r\n`)],
    [
      'behind a second, smaller length',
      () => postWith(`Content-Length: ${2 + listAs(token).length}\r\nContent-Length: 2\r\n`, `{}${listAs(token)}`),
    ],
  ])('%s: the whole is refused', async (_, bytes) => {
    expect(await answersTo(matrix.url, bytes())).toEqual([{ status: 400 }])
  })

  test('while one that begins where a body ends is answered, and would be seen here', async () => {
    expect(await answersTo(matrix.url, `${post('{}')}${listAs(token)}`, 2)).toEqual([missing, good, LAST_ANSWER])
  })

  test('in the place of trailers: the body is answered, and the rest refused', async () => {
    for (const rest of [listAs(token), `XX${listAs(token)}`, `${bearer(token)}\r\n${listAs(token)}`]) {
      expect(await answersTo(matrix.url, chunked(`2\r\n{}\r\n0\r\n${rest}`))).toEqual([missing, { status: 400 }])
    }
  })

  test('of a body that is too large, however much of it comes', async () => {
    const large = tooLarge
    expect(await answersTo(matrix.url, post(`${' '.repeat(20_000)}${listAs(token)}`))).toEqual([large, LAST_ANSWER])
    const announced = postWith(`Content-Length: ${20_000 + listAs(token).length + LAST.length}\r\n`, listAs(token))
    using connection = openRaw(matrix.url)
    connection.send(announced)
    await connection.answers(1)
    connection.send(LAST)
    connection.finish()
    expect((await connection.toItsEnd()).map(summaryOf)).toEqual([large])
  })
})
