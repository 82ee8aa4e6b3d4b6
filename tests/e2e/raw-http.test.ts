import { describe, expect, test } from 'bun:test'
import type { Matrix } from '../_support/e2e/matrix.ts'
import { openRaw } from '../_support/e2e/raw-http.ts'
import {
  answersTo,
  bearer,
  chunked,
  get,
  good,
  HOST,
  LAST_ANSWER,
  LIST,
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

// What an HTTP client would tidy up before it is sent, byte for byte to the compiled binary.

type Bytes = () => string | Buffer

let matrix: Matrix
let token: string

serveUntouched((started, owner) => {
  matrix = started
  token = owner
})

const noHttp: [string, Bytes, number][] = [
  ['no Host', () => `GET ${LIST} HTTP/1.1\r\n${bearer(token)}\r\n`, 400],
  ['two lengths of the body', () => postWith('Content-Length: 2\r\nContent-Length: 4\r\n', '{}{}'), 400],
  ['two lengths in one header', () => postWith('Content-Length: 2, 2\r\n'), 400],
  ['a length with a sign', () => postWith('Content-Length: +2\r\n'), 400],
  ['a negative length', () => postWith('Content-Length: -2\r\n'), 400],
  ['a length in hexadecimal', () => postWith('Content-Length: 0x2\r\n'), 400],
  ['a length of more digits than a number holds', () => postWith(`Content-Length: ${'9'.repeat(40)}\r\n`), 400],
  ['an empty length', () => postWith('Content-Length:\r\n'), 400],
  ['a coding that is not chunked', () => postWith('Transfer-Encoding: xchunked\r\n', '2\r\n{}\r\n0\r\n\r\n'), 400],
  [
    'chunked before another coding',
    () => postWith('Transfer-Encoding: chunked, gzip\r\n', '2\r\n{}\r\n0\r\n\r\n'),
    400,
  ],
  ['chunked twice', () => postWith('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400],
  ['chunked in HTTP/1.0', () => chunked('0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0'), 400],
  ['a space before the colon', () => get(LIST, bearer(token).replace(':', ' :')), 400],
  ['a header without a colon', () => get(LIST, `Authorization\r\n${bearer(token)}`), 400],
  ['a header without a name', () => get(LIST, `: x\r\n${bearer(token)}`), 400],
  ['a folded header', () => get(LIST, bearer(token).replace('Bearer ', 'Bearer\r\n ')), 400],
  ['a folded first header', () => `GET ${LIST} HTTP/1.1\r\n ${HOST}${bearer(token)}\r\n`, 400],
  ['a bare line feed between headers', () => get(LIST, `X: a\n${bearer(token)}`), 400],
  ['a bare carriage return in a header', () => get(LIST, `X: a\r${bearer(token)}`), 400],
  ['bare line feeds throughout', () => listAs(token).replaceAll('\r', ''), 505],
  ['NUL in a header', () => get(LIST, `X: a\0b\r\n${bearer(token)}`), 400],
  ['NUL after the token', () => get(LIST, bearer(token).replace('\r', '\0\r')), 400],
  ['NUL in the name of a header', () => get(LIST, `X\0: a\r\n${bearer(token)}`), 400],
  ['NUL in the path', () => get(`${LIST}\0`, bearer(token)), 505],
  ['a space in the path', () => get(`${LIST} x`, bearer(token)), 505],
  ['no path', () => get('', bearer(token)), 400],
  ['a path that begins with a backslash', () => get('\\api\\v1\\user\\list', bearer(token)), 400],
  ['an address of another scheme', () => get(`ftp://matrix.test${LIST}`, bearer(token)), 400],
  ['1,001 headers', () => get(LIST, 'X: 1\r\n'.repeat(1_001)), 431],
  ['headers past 16 KiB', () => get(LIST, `X: ${'a'.repeat(17_000)}\r\n${bearer(token)}`), 431],
  ['a path past 16 KiB', () => get(`/${'a'.repeat(17_000)}`, bearer(token)), 431],
  ['HTTP/0.9', () => `GET ${LIST}\r\n`, 505],
  ['HTTP/1.2', () => get(LIST, bearer(token), 'HTTP/1.2'), 505],
  ['HTTP/2.0', () => get(LIST, bearer(token), 'HTTP/2.0'), 505],
  ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['a version in small letters', () => get(LIST, bearer(token), 'http/1.1'), 505],
  ['a method that is no word', () => listAs(token).replace('GET', 'G\u00cbT'), 505],
  ['TLS', () => Buffer.from('16030100c8010000c40303', 'hex'), 400],
  ['bytes of every kind', () => Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), 400],
  ['a chunk of a negative size', () => chunked('-2\r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk of a size with 0x', () => chunked('0x2\r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk of a size in letters', () => chunked('g\r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk of no size', () => chunked('\r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk of a size past 64 bits', () => chunked('10000000000000002\r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk of nearly 64 bits', () => chunked('fffffffffffffffe\r\n{}\r\n0\r\n\r\n'), 400],
  ['a space after the size of a chunk', () => chunked('2 \r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk longer than its size', () => chunked('2\r\n{}xx\r\n0\r\n\r\n'), 400],
  ['chunks ended by bare line feeds', () => chunked('2\n{}\n0\n\n'), 400],
]

describe('what is no HTTP is refused before any handler, in one answer, and the connection is closed:', () => {
  test.each(noHttp)('%s', async (_, bytes, status) => {
    expect(await answersTo(matrix.url, bytes())).toEqual([{ status }])
  })

  test.each(['BREW', 'get', 'A'.repeat(5_000)])('the method %s', async method => {
    // Bun hangs up without a word; an answer would be as good, if it is a refusal.
    const answers = await answersTo(matrix.url, listAs(token).replace('GET', method))
    expect(answers.length).toBeLessThanOrEqual(1)
    for (const { status } of answers) expect([400, 405, 501]).toContain(status)
  })
})

const answered: [string, Bytes, Summary][] = [
  ['the path after another slash', () => get(`/${LIST}`, bearer(token)), notFound],
  ['//api', () => get('//api', bearer(token)), notFound],
  ['the host in the path', () => get(`//matrix.test${LIST}`, bearer(token)), notFound],
  ['an encoded slash', () => get('/api/v1/user%2flist', bearer(token)), notFound],
  ['a parameter in the path', () => get(`${LIST};a=b`, bearer(token)), notFound],
  ['a fragment', () => get(`${LIST}#x`, bearer(token)), notFound],
  ['bytes that are no UTF-8', () => Buffer.from(get('/api/v1/\xff\xfe', bearer(token)), 'latin1'), notFound],
  ['a path that is resolved, with a token', () => get('/api/v1/../v1/user/list', bearer(token)), good],
  ['a path that is resolved, without one', () => get('/api/v1/../v1/user/list'), unknownToken],
  ['dots that are encoded, with a token', () => get('/api/v1/x/%2e%2e/user/list', bearer(token)), good],
  ['dots that are encoded, without one', () => get('/api/v1/x/%2e%2e/user/list'), unknownToken],
  ['dots beyond the root', () => get(`/../../..${LIST}`), unknownToken],
  ['backslashes, without a token', () => get('/api\\v1\\user\\list'), unknownToken],
  ['the whole address, with a token', () => get(`http://matrix.test${LIST}`, bearer(token)), good],
  ['the whole address, without one', () => get(`http://matrix.test${LIST}`), unknownToken],
  ['a path within the Host', () => `GET /x HTTP/1.1\r\nHost: matrix.test${LIST}?\r\n${bearer(token)}\r\n`, notFound],
  ['a Host of another path', () => `GET ${LIST} HTTP/1.1\r\nHost: a/../b c\r\n${bearer(token)}\r\n`, malformed],
  ['a Host with a user', () => `GET ${LIST} HTTP/1.1\r\nHost: ada@matrix.test\r\n${bearer(token)}\r\n`, malformed],
  ['an empty Host', () => `GET ${LIST} HTTP/1.1\r\nHost:\r\n${bearer(token)}\r\n`, malformed],
  ['two different Hosts', () => get(LIST, `Host: other.test\r\n${bearer(token)}`), malformed],
  ['TRACE', () => listAs(token).replace('GET', 'TRACE'), notFound],
  ['OPTIONS', () => listAs(token).replace('GET', 'OPTIONS'), notFound],
  ['PROPFIND', () => listAs(token).replace('GET', 'PROPFIND'), notFound],
  [
    'an upgrade to a websocket',
    () =>
      get(
        '/api/v1/x',
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n',
      ),
    notFound,
  ],
  [
    'an upgrade to HTTP/2',
    () => get(LIST, 'Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'),
    unknownToken,
  ],
  ['the same length twice', () => postWith('Content-Length: 2\r\nContent-Length: 2\r\n'), missing],
  ['100-continue', () => postWith('Expect: 100-continue\r\nContent-Length: 2\r\n'), missing],
  ['chunks with extensions', () => chunked('1;a=b\r\n{\r\n1;c="d\r\n}\r\n0;e\r\n\r\n'), missing],
  ['a size of a chunk with zeros before', () => chunked('0000000002\r\n{}\r\n0\r\n\r\n'), missing],
  ['chunks of more than 16 KiB', () => chunked(`5000\r\n${' '.repeat(0x5000)}\r\n0\r\n\r\n`), tooLarge],
  ['a key twice', () => post('{"username":"owner","code":"1","username":""}'), missing],
  ['8,000 arrays in each other', () => post(`{"a":${'['.repeat(8_000)}${']'.repeat(8_000)}}`), malformed],
  [
    'UTF-16',
    () => Buffer.concat([Buffer.from(postWith('Content-Length: 4\r\n', '')), Buffer.from('{}', 'utf16le')]),
    malformed,
  ],
  [
    'a form field twice',
    () => post('code=1&code=2').replace('application/json', 'application/x-www-form-urlencoded'),
    malformed,
  ],
  ['another token in the body', () => post('{"access_token":"x"}', bearer(token), '/api/v1/user/add'), malformed],
  ['another token in a second header', () => get(LIST, `${bearer(token)}Authorization: Bearer x\r\n`), malformed],
  ['the same token in a second header', () => get(LIST, `${bearer(token)}${bearer(token)}`), good],
  ['a token in the address', () => get(`${LIST}?access_token=${token}`), malformed],
]

describe('what is strange but HTTP is answered in JSON, and the connection goes on:', () => {
  test.each(answered)('%s', async (_, bytes, expected) => {
    expect(await answersTo(matrix.url, bytes())).toEqual([expected, LAST_ANSWER])
  })

  test('CONNECT, after which nothing more is', async () => {
    using connection = openRaw(matrix.url)
    connection.send(`CONNECT matrix.test:443 HTTP/1.1\r\n${HOST}${bearer(token)}\r\n`)
    await connection.answers(1)
    connection.send(listAs(token))
    connection.finish()
    expect((await connection.toItsEnd()).map(summaryOf)).toEqual([notFound])
  })

  test('HTTP/1.0, after which it is closed', async () => {
    expect(await answersTo(matrix.url, get(LIST, bearer(token), 'HTTP/1.0'))).toEqual([good])
  })
})

test('a body that is shorter than announced does nothing when the connection ends, and is cut within 15 s when it does not', async () => {
  const cut = post('{"username":"mallory","group":"viewer"}', bearer(token), '/api/v1/user/add').slice(0, -1)
  using ended = openRaw(matrix.url)
  ended.send(cut)
  ended.finish()
  expect(await ended.toItsEnd()).toEqual([])
  using silent = openRaw(matrix.url)
  const start = performance.now()
  silent.send(cut)
  // The limit of the body and that of a silent connection lie close together: whichever comes first.
  for (const answer of await silent.answers(1)) expect(summaryOf(answer)).toEqual(malformed)
  expect(performance.now() - start).toBeLessThan(15_000)
})
