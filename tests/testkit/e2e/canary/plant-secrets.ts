import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  addPrivateKeyCanaries,
  type CanaryInstance,
  createDroplet,
  createSession,
  createUser,
  type Tokens,
} from './canary-instance.ts'
import type { MisplacedSecret } from './misplaced-secrets.ts'

/** Creates secrets of every kind and state. */
export async function plantSecrets(
  instance: CanaryInstance,
): Promise<{ liveSession: Tokens; misplacedSecrets: MisplacedSecret[] }> {
  const { canaries, recorder, server } = instance
  const [liveSession, rotatedSession, revokedSession] = [
    await createSession(instance),
    await createSession(instance),
    await createSession(instance),
  ]
  const json = { grant_type: 'refresh_token', refresh_token: rotatedSession.refresh_token }
  await recorder.send({ route: 'POST /user/auth/refresh', path: '/user/auth/refresh', json })
  const headers = { authorization: `Bearer ${revokedSession.access_token}` }
  const path = `/user/auth/revoke/${revokedSession.username}`
  await recorder.send({ route: 'DELETE /user/auth/revoke/:user', path, headers })
  const { secret } = await createUser(instance)
  await createDroplet(instance)
  const [keyLine = ''] = addPrivateKeyCanaries(instance)
  const unknownToken = Buffer.from(crypto.getRandomValues(new Uint8Array(32)))
  canaries.addHex('an unknown token', unknownToken.toString('hex'))
  canaries.addHex('a token in upper case', unknownToken.toString('hex').toUpperCase())
  const wrongCode = '083915'
  canaries.addCode('a wrong code', wrongCode)
  const misplacedSecrets = [
    { name: 'a live access token', text: liveSession.access_token },
    { name: 'a live refresh token', text: liveSession.refresh_token },
    { name: 'a rotated refresh token', text: rotatedSession.refresh_token },
    { name: 'a revoked access token', text: revokedSession.access_token },
    { name: 'an unknown token', text: unknownToken.toString('hex') },
    { name: 'a token in upper case', text: unknownToken.toString('hex').toUpperCase() },
    { name: 'a used code', text: liveSession.code },
    { name: 'a wrong code', text: wrongCode },
    { name: 'a TOTP secret', text: secret },
    { name: 'the encryption key', text: readFileSync(join(server.dataDir, 'sealing.key'), 'utf8').trim() },
    { name: 'a line of a private key', text: keyLine },
  ]
  return { liveSession, misplacedSecrets }
}
