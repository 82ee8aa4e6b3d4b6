import { connect } from 'node:net'
import { codeAt } from '../../tests/_support/codes.ts'
import { exchange, pick, type Target } from './exchange.ts'
import { type Person, strangeAddress } from './people.ts'

/** A stranger guesses at a name that exists or at one that does not. */
export async function guess(target: Target, person: Person): Promise<void> {
  const username = Math.random() < 0.5 ? person.username : `nobody${Math.floor(Math.random() * 50)}`
  const json = { username, code: wrongCode(person) }
  // The second address is locked soon.
  const from = pick([strangeAddress(), '10.98.0.1'])
  const ask = { method: 'POST', path: '/user/auth', from, json }
  await exchange(target, { ...ask, kind: 'login with a wrong code', expected: [902, 915] })
}

/** What is not understood, or not for everybody. */
export async function misbehave(target: Target, owner: string): Promise<void> {
  const kind = 'malformed or anonymous'
  await pick([
    () => exchange(target, { kind, method: 'GET', path: '/user/list', expected: [908] }),
    () => exchange(target, { kind, method: 'GET', path: '/user/list', token: '0'.repeat(64), expected: [908] }),
    () => exchange(target, { kind, method: 'GET', path: `/user/list?access_token=${owner}`, expected: [917] }),
    () => exchange(target, { kind, method: 'GET', path: `/nowhere/${crypto.randomUUID()}`, expected: [404] }),
    () => exchange(target, { kind, method: 'POST', path: '/user/auth', body: '{"username":', expected: [917] }),
    () => exchange(target, { kind, method: 'POST', path: '/user/auth', json: {}, expected: [901] }),
    () => exchange(target, { kind, method: 'POST', path: '/user/auth', body: '['.repeat(8_000), expected: [917] }),
    () => exchange(target, { kind, method: 'POST', path: '/user/auth', body: 'x'.repeat(20_000), expected: [920] }),
    () => exchange(target, { kind, method: 'POST', path: '/user/add', token: owner, json: {}, expected: [913] }),
    () => exchange(target, { kind, method: 'DELETE', path: '/user/delete/owner', token: owner, expected: [916] }),
    () =>
      exchange(target, { kind, method: 'PATCH', path: '/droplet/stop/..%2fversion', token: owner, expected: [900] }),
    () => exchange(target, { kind, method: 'PATCH', path: '/droplet/stop/cikit98', token: owner, expected: [900] }),
  ])()
}

/** A connection that is opened and dropped, somewhere between its first byte and its answer. */
export async function dropConnection(target: Target, owner: string): Promise<void> {
  const { hostname, port, pathname } = new URL(target.url)
  const head = `Host: ${hostname}\r\nAuthorization: Bearer ${owner}\r\n`
  const sent = pick([
    '',
    `GET ${pathname}/user/list HTTP/1.1\r\nHost: 127`,
    `POST ${pathname}/user/auth HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"user`,
    `GET ${pathname}/user/list HTTP/1.1\r\n${head}\r\n`,
    `GET ${pathname}/droplet/list HTTP/1.1\r\n${head}\r\n`,
    'what is this\r\n\r\n',
  ])
  const start = performance.now()
  const socket = connect(Number(port), hostname)
  const over = Promise.withResolvers<void>()
  socket.on('error', error => target.tally.complain(`dropped connection: ${error}`))
  socket.on('close', () => over.resolve())
  socket.on('connect', () => socket.write(sent || ' ', () => socket.destroy()))
  await over.promise
  target.tally.took('dropped connection', performance.now() - start)
}

/** A connection that says nothing: the server is to close it. */
export async function keepSilent(target: Target): Promise<void> {
  const { hostname, port } = new URL(target.url)
  const start = performance.now()
  const socket = connect(Number(port), hostname)
  const over = Promise.withResolvers<void>()
  const limit = setTimeout(() => {
    target.tally.complain('silent connection: still open after 30 s')
    socket.destroy()
  }, 30_000)
  // How it is closed, by FIN or RST, is the server's business.
  socket.on('error', () => undefined)
  socket.on('close', () => over.resolve())
  // Else the end that the server sends would never be read.
  socket.resume()
  await over.promise
  clearTimeout(limit)
  target.tally.took('silent connection, until closed', performance.now() - start)
}

/** None of the codes that are right now or will be soon. */
function wrongCode({ secret }: Person): string {
  const right = [-60_000, -30_000, 0, 30_000, 60_000].map(by => codeAt(secret, Date.now() + by))
  for (;;) {
    const code = String(Math.floor(Math.random() * 1_000_000)).padStart(6, '0')
    if (!right.includes(code)) return code
  }
}
