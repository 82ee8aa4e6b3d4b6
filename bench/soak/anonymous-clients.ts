import { connect } from 'node:net'
import { codeAt } from '../../tests/testkit/auth/totp.ts'
import { pickRandom, sendRequest, type Target } from './request.ts'
import { randomAddress, type SoakUser } from './users.ts'

/** Guesses a code for an existing or an unknown username. */
export async function guessCode(target: Target, user: SoakUser): Promise<void> {
  const username = Math.random() < 0.5 ? user.username : `unknown${Math.floor(Math.random() * 50)}`
  const json = { username, code: wrongCode(user) }
  // The second address gets locked soon.
  const clientAddress = pickRandom([randomAddress(), '10.98.0.1'])
  const request = { method: 'POST', path: '/user/auth', clientAddress, json }
  await sendRequest(target, { ...request, kind: 'login with a wrong code', expectedOutcomes: [902, 915] })
}

/** Sends a malformed or unauthorized request. */
export async function sendInvalidRequest(target: Target, ownerToken: string): Promise<void> {
  const kind = 'malformed or anonymous'
  await pickRandom([
    () => sendRequest(target, { kind, method: 'GET', path: '/user/list', expectedOutcomes: [908] }),
    () =>
      sendRequest(target, { kind, method: 'GET', path: '/user/list', token: '0'.repeat(64), expectedOutcomes: [908] }),
    () =>
      sendRequest(target, {
        kind,
        method: 'GET',
        path: `/user/list?access_token=${ownerToken}`,
        expectedOutcomes: [917],
      }),
    () =>
      sendRequest(target, { kind, method: 'GET', path: `/nowhere/${crypto.randomUUID()}`, expectedOutcomes: [404] }),
    () =>
      sendRequest(target, { kind, method: 'POST', path: '/user/auth', body: '{"username":', expectedOutcomes: [917] }),
    () => sendRequest(target, { kind, method: 'POST', path: '/user/auth', json: {}, expectedOutcomes: [901] }),
    () =>
      sendRequest(target, {
        kind,
        method: 'POST',
        path: '/user/auth',
        body: '['.repeat(8_000),
        expectedOutcomes: [917],
      }),
    () =>
      sendRequest(target, {
        kind,
        method: 'POST',
        path: '/user/auth',
        body: 'x'.repeat(20_000),
        expectedOutcomes: [920],
      }),
    () =>
      sendRequest(target, {
        kind,
        method: 'POST',
        path: '/user/add',
        token: ownerToken,
        json: {},
        expectedOutcomes: [913],
      }),
    () =>
      sendRequest(target, {
        kind,
        method: 'DELETE',
        path: '/user/delete/owner',
        token: ownerToken,
        expectedOutcomes: [916],
      }),
    () =>
      sendRequest(target, {
        kind,
        method: 'PATCH',
        path: '/droplet/stop/..%2fversion',
        token: ownerToken,
        expectedOutcomes: [900],
      }),
    () =>
      sendRequest(target, {
        kind,
        method: 'PATCH',
        path: '/droplet/stop/cikit98',
        token: ownerToken,
        expectedOutcomes: [900],
      }),
  ])()
}

/** Opens a connection and drops it between the first byte of the request and the response. */
export async function dropConnection(target: Target, ownerToken: string): Promise<void> {
  const { hostname, port, pathname } = new URL(target.url)
  const head = `Host: ${hostname}\r\nAuthorization: Bearer ${ownerToken}\r\n`
  const requestStart = pickRandom([
    '',
    `GET ${pathname}/user/list HTTP/1.1\r\nHost: 127`,
    `POST ${pathname}/user/auth HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"user`,
    `GET ${pathname}/user/list HTTP/1.1\r\n${head}\r\n`,
    `GET ${pathname}/droplet/list HTTP/1.1\r\n${head}\r\n`,
    'not HTTP\r\n\r\n',
  ])
  const start = performance.now()
  const socket = connect(Number(port), hostname)
  const closed = Promise.withResolvers<void>()
  socket.on('error', error => target.tally.recordProblem(`dropped connection: ${error}`))
  socket.on('close', () => closed.resolve())
  socket.on('connect', () => socket.write(requestStart || ' ', () => socket.destroy()))
  await closed.promise
  target.tally.recordTime('dropped connection', performance.now() - start)
}

/** Opens a connection and sends nothing: the server must close it within 30 s. */
export async function openSilentConnection(target: Target): Promise<void> {
  const { hostname, port } = new URL(target.url)
  const start = performance.now()
  const socket = connect(Number(port), hostname)
  const closed = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    target.tally.recordProblem('silent connection: still open after 30 s')
    socket.destroy()
  }, 30_000)
  // The server may close it by FIN or RST.
  socket.on('error', () => undefined)
  socket.on('close', () => closed.resolve())
  // Without a reader, the socket never reports the server's FIN.
  socket.resume()
  await closed.promise
  clearTimeout(timer)
  target.tally.recordTime('silent connection, until closed', performance.now() - start)
}

/** A code that is not valid now or within the next minute. */
function wrongCode({ secret }: SoakUser): string {
  const validCodes = [-60_000, -30_000, 0, 30_000, 60_000].map(offsetMs => codeAt(secret, Date.now() + offsetMs))
  for (;;) {
    const code = String(Math.floor(Math.random() * 1_000_000)).padStart(6, '0')
    if (!validCodes.includes(code)) return code
  }
}
