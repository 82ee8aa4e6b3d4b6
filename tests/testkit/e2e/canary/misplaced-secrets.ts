import type { RecordedRequest } from './request-recorder.ts'

/** A secret to be sent where it does not belong. */
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

/** Headers in which clients send credentials to other servers, and headers that are logged elsewhere. */
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

/** Valid and invalid bodies. */
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
 * Requests to this route with a secret in every place where a client might put it by mistake, anonymously and as the
 * owner. None of them succeeds with the secret as a username or, at a login, as `User-Agent`: both are shown by design.
 */
export function requestsWithSecret(route: string, { text }: MisplacedSecret, ownerToken: string): RecordedRequest[] {
  const [method = '', template = ''] = route.split(' ')
  const path = template.replace(':user', 'unknown').replace(':droplet', 'cikit00').replace(/:\w+/, 'nothing')
  const encoded = encodeURIComponent(text)
  const authorization = `Bearer ${ownerToken}`
  const anonymous: RecordedRequest[] = [...FIELDS, 'q'].map(name => ({ route, path: `${path}?${name}=${encoded}` }))
  // Paths are logged, except for parts that look like a token or a secret.
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
