import type { RecordedRequest } from './request-recorder.ts'

/** A secret where it does not belong. */
export interface MisplacedSecret {
  name: string
  text: string
}

const FIELDS = [
  'access_token',
  'refresh_token',
  'enrolment_token',
  'recovery_code',
  'token',
  'code',
  'secret',
  'username',
  'group',
  'grant_type',
  'password',
]

/** The ways in which people send credentials to other servers, and the headers that are copied from elsewhere. */
const headers: [name: string, value: (text: string) => string][] = [
  ['authorization', text => `Bearer ${text}`],
  ['authorization', text => `Bearer: ${text}`],
  ['authorization', text => text],
  ['authorization', text => `Basic ${Buffer.from(`owner:${text}`).toString('base64')}`],
  ['authorization', text => `Bearer ${text}, Bearer x`],
  ['cookie', text => `token=${text}`],
  ['x-api-key', text => text],
  ['x-auth-token', text => text],
  ['x-request-id', text => text],
  ['x-forwarded-for', text => text],
  ['proxy-authorization', text => `Bearer ${text}`],
  ['referer', text => `http://127.0.0.1/?access_token=${encodeURIComponent(text)}`],
  ['origin', text => `http://${text}`],
  ['user-agent', text => `curl ${text}`],
  ['accept', text => text],
  ['traceparent', text => text],
  ['idempotency-key', text => text],
  ['prefer', text => `respond-async; token=${text}`],
  ['last-event-id', text => text],
]

/** The bodies that are understood, and those that are not. */
const bodies: [type: string, body: (text: string) => string][] = [
  ['application/json', text => JSON.stringify(Object.fromEntries(FIELDS.map(field => [field, text])))],
  ['application/json', text => JSON.stringify({ [text]: text })],
  ['application/json', text => JSON.stringify({ username: { code: text }, code: [text], access_token: { text } })],
  ['application/json', text => `{"access_token": "${text}", "code": "${text}"`],
  ['application/json', text => JSON.stringify(text)],
  ['application/json', text => JSON.stringify({ access_token: text, filler: 'x'.repeat(20_000) })],
  [
    'application/x-www-form-urlencoded',
    text => String(new URLSearchParams(Object.fromEntries(FIELDS.map(field => [field, text])))),
  ],
  ['application/x-www-form-urlencoded', text => `code=${encodeURIComponent(text)}&code=${encodeURIComponent(text)}`],
  ['text/plain', text => text],
  ['application/json; charset=', text => text],
]

/**
 * A secret in every place of a request to this route where a client might put it by mistake, as nobody and as the owner.
 * None of them succeeds in what it says: a name that is chosen for a user is no secret any more, and what a client calls
 * itself (`User-Agent`) at a login that succeeds is shown among its sessions, as the contract has it.
 */
export function requestsWithSecret(route: string, { text }: MisplacedSecret, ownerToken: string): RecordedRequest[] {
  const [method = '', template = ''] = route.split(' ')
  const path = template.replace(':user', 'somebody').replace(':droplet', 'cikit00').replace(/:\w+/, 'nothing')
  const encoded = encodeURIComponent(text)
  const authorization = `Bearer ${ownerToken}`
  const anonymous: RecordedRequest[] = [...FIELDS, 'q'].map(name => ({ route, path: `${path}?${name}=${encoded}` }))
  // A path is logged, but for what looks like a token or a secret.
  if (/^[0-9a-f]{64}$|^[A-Z2-7]{32}$/i.test(text)) {
    anonymous.push({ route, path: `${path}/${text}` }, { route, path: template.replace(/:\w+/, text) })
  }
  if (method !== 'GET') {
    for (const [type, body] of bodies) {
      const contentType = type.endsWith('=') ? type + text : type
      anonymous.push({ route, path, headers: { 'content-type': contentType }, body: body(text) })
    }
  }
  const withHeaders = headers.map(([name, format]) => ({ route, path, headers: { [name]: format(text) } }))
  const authenticated = [...anonymous, ...withHeaders].map(request => ({
    ...request,
    headers: { authorization, ...request.headers },
  }))
  return [...anonymous, ...authenticated]
}
