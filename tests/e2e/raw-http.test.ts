import { describe, expect, test } from 'bun:test'
import { openRawConnection } from '../testkit/e2e/raw-connection.ts'
import {
  bearerHeader,
  chunkedRequest,
  getRequest,
  HOST_HEADER,
  LAST_RESPONSE,
  LIST_PATH,
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

// Raw bytes to the compiled binary, which an HTTP client would normalise.

type RequestBytes = () => string | Buffer

let server: ServerProcess
let token: string

useSharedServer((process, ownerToken) => {
  server = process
  token = ownerToken
})

const invalidRequests: [string, RequestBytes, number][] = [
  ['no Host', () => `GET ${LIST_PATH} HTTP/1.1\r\n${bearerHeader(token)}\r\n`, 400],
  ['two Content-Length headers', () => loginRequest('Content-Length: 2\r\nContent-Length: 4\r\n', '{}{}'), 400],
  ['two lengths in one Content-Length', () => loginRequest('Content-Length: 2, 2\r\n'), 400],
  ['a length with a sign', () => loginRequest('Content-Length: +2\r\n'), 400],
  ['a negative length', () => loginRequest('Content-Length: -2\r\n'), 400],
  ['a length in hexadecimal', () => loginRequest('Content-Length: 0x2\r\n'), 400],
  ['a length with too many digits', () => loginRequest(`Content-Length: ${'9'.repeat(40)}\r\n`), 400],
  ['an empty length', () => loginRequest('Content-Length:\r\n'), 400],
  ['an unknown transfer coding', () => loginRequest('Transfer-Encoding: xchunked\r\n', '2\r\n{}\r\n0\r\n\r\n'), 400],
  [
    'chunked before another transfer coding',
    () => loginRequest('Transfer-Encoding: chunked, gzip\r\n', '2\r\n{}\r\n0\r\n\r\n'),
    400,
  ],
  [
    'chunked twice',
    () => loginRequest('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  ['chunked in HTTP/1.0', () => chunkedRequest('0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0'), 400],
  ['a space before the colon', () => getRequest(LIST_PATH, bearerHeader(token).replace(':', ' :')), 400],
  ['a header without a colon', () => getRequest(LIST_PATH, `Authorization\r\n${bearerHeader(token)}`), 400],
  ['a header without a name', () => getRequest(LIST_PATH, `: x\r\n${bearerHeader(token)}`), 400],
  ['a folded header', () => getRequest(LIST_PATH, bearerHeader(token).replace('Bearer ', 'Bearer\r\n ')), 400],
  ['a folded first header', () => `GET ${LIST_PATH} HTTP/1.1\r\n ${HOST_HEADER}${bearerHeader(token)}\r\n`, 400],
  ['a bare line feed between headers', () => getRequest(LIST_PATH, `X: a\n${bearerHeader(token)}`), 400],
  ['a bare carriage return in a header', () => getRequest(LIST_PATH, `X: a\r${bearerHeader(token)}`), 400],
  ['bare line feeds throughout', () => listRequest(token).replaceAll('\r', ''), 505],
  ['NUL in a header', () => getRequest(LIST_PATH, `X: a\0b\r\n${bearerHeader(token)}`), 400],
  ['NUL after the token', () => getRequest(LIST_PATH, bearerHeader(token).replace('\r', '\0\r')), 400],
  ['NUL in the name of a header', () => getRequest(LIST_PATH, `X\0: a\r\n${bearerHeader(token)}`), 400],
  ['NUL in the path', () => getRequest(`${LIST_PATH}\0`, bearerHeader(token)), 505],
  ['a space in the path', () => getRequest(`${LIST_PATH} x`, bearerHeader(token)), 505],
  ['no path', () => getRequest('', bearerHeader(token)), 400],
  ['a path that begins with a backslash', () => getRequest('\\api\\v1\\user\\list', bearerHeader(token)), 400],
  ['a URL with another scheme', () => getRequest(`ftp://matrix.test${LIST_PATH}`, bearerHeader(token)), 400],
  ['1,001 headers', () => getRequest(LIST_PATH, 'X: 1\r\n'.repeat(1_001)), 431],
  [
    'headers of more than 16 KiB',
    () => getRequest(LIST_PATH, `X: ${'a'.repeat(17_000)}\r\n${bearerHeader(token)}`),
    431,
  ],
  ['a path of more than 16 KiB', () => getRequest(`/${'a'.repeat(17_000)}`, bearerHeader(token)), 431],
  ['HTTP/0.9', () => `GET ${LIST_PATH}\r\n`, 505],
  ['HTTP/1.2', () => getRequest(LIST_PATH, bearerHeader(token), 'HTTP/1.2'), 505],
  ['HTTP/2.0', () => getRequest(LIST_PATH, bearerHeader(token), 'HTTP/2.0'), 505],
  ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['a version in lower case', () => getRequest(LIST_PATH, bearerHeader(token), 'http/1.1'), 505],
  ['a method that is not a token', () => listRequest(token).replace('GET', 'G\u00cbT'), 505],
  ['TLS', () => Buffer.from('16030100c8010000c40303', 'hex'), 400],
  ['bytes of every kind', () => Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), 400],
  ['a negative chunk size', () => chunkedRequest('-2\r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk size with 0x', () => chunkedRequest('0x2\r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk size that is not hexadecimal', () => chunkedRequest('g\r\n{}\r\n0\r\n\r\n'), 400],
  ['a missing chunk size', () => chunkedRequest('\r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk size of more than 64 bits', () => chunkedRequest('10000000000000002\r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk size of nearly 64 bits', () => chunkedRequest('fffffffffffffffe\r\n{}\r\n0\r\n\r\n'), 400],
  ['a space after a chunk size', () => chunkedRequest('2 \r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk longer than its size', () => chunkedRequest('2\r\n{}xx\r\n0\r\n\r\n'), 400],
  ['chunks ended by bare line feeds', () => chunkedRequest('2\n{}\n0\n\n'), 400],
]

describe('rejects invalid HTTP before any handler and closes the connection', () => {
  test.each(invalidRequests)('%s', async (_, bytes, status) => {
    expect(await sendAndSummarize(server.url, bytes())).toEqual([{ status }])
  })

  test.each(['BREW', 'get', 'A'.repeat(5_000)])('the method %s', async method => {
    // Bun closes the connection without a response; an error response would also be valid.
    const responses = await sendAndSummarize(server.url, listRequest(token).replace('GET', method))
    expect(responses.length).toBeLessThanOrEqual(1)
    for (const { status } of responses) expect([400, 405, 501]).toContain(status)
  })
})

const unusualRequests: [string, RequestBytes, ResponseSummary][] = [
  ['a path with two leading slashes', () => getRequest(`/${LIST_PATH}`, bearerHeader(token)), notFound],
  ['//api', () => getRequest('//api', bearerHeader(token)), notFound],
  ['the host in the path', () => getRequest(`//matrix.test${LIST_PATH}`, bearerHeader(token)), notFound],
  ['an encoded slash', () => getRequest('/api/v1/user%2flist', bearerHeader(token)), notFound],
  ['a parameter in the path', () => getRequest(`${LIST_PATH};a=b`, bearerHeader(token)), notFound],
  ['a fragment', () => getRequest(`${LIST_PATH}#x`, bearerHeader(token)), notFound],
  ['invalid UTF-8', () => Buffer.from(getRequest('/api/v1/\xff\xfe', bearerHeader(token)), 'latin1'), notFound],
  ['a path with dot segments, with a token', () => getRequest('/api/v1/../v1/user/list', bearerHeader(token)), success],
  ['a path with dot segments, without a token', () => getRequest('/api/v1/../v1/user/list'), unknownToken],
  ['encoded dot segments, with a token', () => getRequest('/api/v1/x/%2e%2e/user/list', bearerHeader(token)), success],
  ['encoded dot segments, without a token', () => getRequest('/api/v1/x/%2e%2e/user/list'), unknownToken],
  ['dots beyond the root', () => getRequest(`/../../..${LIST_PATH}`), unknownToken],
  ['backslashes, without a token', () => getRequest('/api\\v1\\user\\list'), unknownToken],
  ['an absolute URL, with a token', () => getRequest(`http://matrix.test${LIST_PATH}`, bearerHeader(token)), success],
  ['an absolute URL, without a token', () => getRequest(`http://matrix.test${LIST_PATH}`), unknownToken],
  [
    'a path in the Host',
    () => `GET /x HTTP/1.1\r\nHost: matrix.test${LIST_PATH}?\r\n${bearerHeader(token)}\r\n`,
    notFound,
  ],
  [
    'a Host with dot segments',
    () => `GET ${LIST_PATH} HTTP/1.1\r\nHost: a/../b c\r\n${bearerHeader(token)}\r\n`,
    malformed,
  ],
  [
    'a Host with a user',
    () => `GET ${LIST_PATH} HTTP/1.1\r\nHost: ada@matrix.test\r\n${bearerHeader(token)}\r\n`,
    malformed,
  ],
  ['an empty Host', () => `GET ${LIST_PATH} HTTP/1.1\r\nHost:\r\n${bearerHeader(token)}\r\n`, malformed],
  ['two different Hosts', () => getRequest(LIST_PATH, `Host: other.test\r\n${bearerHeader(token)}`), malformed],
  ['TRACE', () => listRequest(token).replace('GET', 'TRACE'), notFound],
  ['OPTIONS', () => listRequest(token).replace('GET', 'OPTIONS'), notFound],
  ['PROPFIND', () => listRequest(token).replace('GET', 'PROPFIND'), notFound],
  [
    'an upgrade to a websocket',
    () =>
      getRequest(
        '/api/v1/x',
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n',
      ),
    notFound,
  ],
  [
    'an upgrade to HTTP/2',
    () => getRequest(LIST_PATH, 'Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'),
    unknownToken,
  ],
  ['the same length twice', () => loginRequest('Content-Length: 2\r\nContent-Length: 2\r\n'), missingFields],
  ['100-continue', () => loginRequest('Expect: 100-continue\r\nContent-Length: 2\r\n'), missingFields],
  ['chunks with extensions', () => chunkedRequest('1;a=b\r\n{\r\n1;c="d\r\n}\r\n0;e\r\n\r\n'), missingFields],
  ['a chunk size with leading zeros', () => chunkedRequest('0000000002\r\n{}\r\n0\r\n\r\n'), missingFields],
  ['chunks of more than 16 KiB', () => chunkedRequest(`5000\r\n${' '.repeat(0x5000)}\r\n0\r\n\r\n`), tooLarge],
  ['a duplicate key', () => postRequest('{"username":"owner","code":"1","username":""}'), missingFields],
  ['8,000 nested arrays', () => postRequest(`{"a":${'['.repeat(8_000)}${']'.repeat(8_000)}}`), malformed],
  [
    'UTF-16',
    () => Buffer.concat([Buffer.from(loginRequest('Content-Length: 4\r\n', '')), Buffer.from('{}', 'utf16le')]),
    malformed,
  ],
  [
    'a duplicate form field',
    () => postRequest('code=1&code=2').replace('application/json', 'application/x-www-form-urlencoded'),
    malformed,
  ],
  [
    'another token in the body',
    () => postRequest('{"access_token":"x"}', bearerHeader(token), '/api/v1/user/add'),
    malformed,
  ],
  [
    'another token in a second header',
    () => getRequest(LIST_PATH, `${bearerHeader(token)}Authorization: Bearer x\r\n`),
    malformed,
  ],
  [
    'the same token in a second header',
    () => getRequest(LIST_PATH, `${bearerHeader(token)}${bearerHeader(token)}`),
    success,
  ],
  ['a token in the query', () => getRequest(`${LIST_PATH}?access_token=${token}`), malformed],
]

describe('answers unusual but valid HTTP in JSON and keeps the connection open', () => {
  test.each(unusualRequests)('%s', async (_, bytes, expected) => {
    expect(await sendAndSummarize(server.url, bytes())).toEqual([expected, LAST_RESPONSE])
  })

  test('CONNECT, after which the connection is closed', async () => {
    using connection = openRawConnection(server.url)
    connection.send(`CONNECT matrix.test:443 HTTP/1.1\r\n${HOST_HEADER}${bearerHeader(token)}\r\n`)
    await connection.waitForResponses(1)
    connection.send(listRequest(token))
    connection.endWriting()
    expect((await connection.waitForClose()).map(summarize)).toEqual([notFound])
  })

  test('HTTP/1.0, after which the connection is closed', async () => {
    expect(await sendAndSummarize(server.url, getRequest(LIST_PATH, bearerHeader(token), 'HTTP/1.0'))).toEqual([
      success,
    ])
  })
})

test('a truncated body has no effect when the connection closes, and otherwise times out within 15 s', async () => {
  const truncated = postRequest(
    '{"username":"mallory","group":"viewer"}',
    bearerHeader(token),
    '/api/v1/user/add',
  ).slice(0, -1)
  using ended = openRawConnection(server.url)
  ended.send(truncated)
  ended.endWriting()
  expect(await ended.waitForClose()).toEqual([])
  using silent = openRawConnection(server.url)
  const start = performance.now()
  silent.send(truncated)
  // The timeouts of a body and of a silent connection are close together; either may come first.
  for (const response of await silent.waitForResponses(1)) expect(summarize(response)).toEqual(malformed)
  expect(performance.now() - start).toBeLessThan(15_000)
})
