import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Misplaced } from './misplaced.ts'
import { learnPrivateKeys, newDroplet, newSession, newUser, type Tokens, type World } from './world.ts'

/** Secrets of every kind and in every state, to be sent where they do not belong. */
export async function plant(world: World): Promise<{ live: Tokens; misplaced: Misplaced[] }> {
  const { canaries, recorder, matrix } = world
  const [live, rotated, revoked] = [await newSession(world), await newSession(world), await newSession(world)]
  const json = { grant_type: 'refresh_token', refresh_token: rotated.refresh_token }
  await recorder.ask({ route: 'POST /user/auth/refresh', path: '/user/auth/refresh', json })
  const headers = { authorization: `Bearer ${revoked.access_token}` }
  const path = `/user/auth/revoke/${revoked.username}`
  await recorder.ask({ route: 'DELETE /user/auth/revoke/:user', path, headers })
  const { secret } = await newUser(world)
  await newDroplet(world)
  const [keyLine = ''] = learnPrivateKeys(world)
  const garbage = Buffer.from(crypto.getRandomValues(new Uint8Array(32)))
  canaries.addHex('a token that nobody has', garbage.toString('hex'))
  canaries.addHex('a token in upper case', garbage.toString('hex').toUpperCase())
  const wrongCode = '083915'
  canaries.addCode('a wrong code', wrongCode)
  const misplaced = [
    { name: 'a live access token', text: live.access_token },
    { name: 'a live refresh token', text: live.refresh_token },
    { name: 'a rotated refresh token', text: rotated.refresh_token },
    { name: 'a revoked access token', text: revoked.access_token },
    { name: 'a token that nobody has', text: garbage.toString('hex') },
    { name: 'a token in upper case', text: garbage.toString('hex').toUpperCase() },
    { name: 'a used code', text: live.code },
    { name: 'a wrong code', text: wrongCode },
    { name: 'a TOTP secret', text: secret },
    { name: 'the sealing key', text: readFileSync(join(matrix.dataDir, 'sealing.key'), 'utf8').trim() },
    { name: 'a line of a private key', text: keyLine },
  ]
  return { live, misplaced }
}
