import { connect } from 'node:net'
import { codeAt } from '../../tests/testkit/auth/totp.ts'
import { pickRandom, sendRequest, type Target } from './request.ts'
import { randomAddress, type SoakUser } from './users.ts'

/** A stranger guesses at a name that exists or at one that does not. */
export async function guessCode(target: Target, user: SoakUser): Promise<void> {
  const username = Math.random() < 0.5 ? user.username : `nobody${Math.floor(Math.random() * 50)}`
  const json = { username, code: wrongCode(user) }
  // The second address is locked soon.
  const clientAddress = pickRandom([randomAddress(), '10.98.0.1'])
  const request = { method: 'POST', path: '/user/auth', clientAddress, json }
  await sendRequest(target, { ...request, kind: 'login with a wrong code', expectedOutcomes: [902, 915] })
}

/** What is not understood, or not for everybody. */
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

/** A connection that is opened and dropped, somewhere between its first byte and its answer. */
export async function dropConnection(target: Target, ownerToken: string): Promise<void> {
  const { hostname, port, pathname } = new URL(target.url)
  const head = `Host: ${hostname}\r\nAuthorization: Bearer ${ownerToken}\r\n`
  const requestStart = pickRandom([
    '',
    `GET ${pathname}/user/list HTTP/1.1\r\nHost: 127`,
    `POST ${pathname}/user/auth HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"user`,
    `GET ${pathname}/user/list HTTP/1.1\r\n${head}\r\n`,
    `GET ${pathname}/droplet/list HTTP/1.1\r\n${head}\r\n`,
    'what is this\r\n\r\n',
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

/** A connection that says nothing: the server is to close it. */
export async function openSilentConnection(target: Target): Promise<void> {
  const { hostname, port } = new URL(target.url)
  const start = performance.now()
  const socket = connect(Number(port), hostname)
  const closed = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    target.tally.recordProblem('silent connection: still open after 30 s')
    socket.destroy()
  }, 30_000)
  // How it is closed, by FIN or RST, is the server's business.
  socket.on('error', () => undefined)
  socket.on('close', () => closed.resolve())
  // Else the end that the server sends would never be read.
  socket.resume()
  await closed.promise
  clearTimeout(timer)
  target.tally.recordTime('silent connection, until closed', performance.now() - start)
}

/** None of the codes that are right now or will be soon. */
function wrongCode({ secret }: SoakUser): string {
  const validCodes = [-60_000, -30_000, 0, 30_000, 60_000].map(offsetMs => codeAt(secret, Date.now() + offsetMs))
  for (;;) {
    const code = String(Math.floor(Math.random() * 1_000_000)).padStart(6, '0')
    if (!validCodes.includes(code)) return code
  }
}
