import { expect, test } from 'bun:test'
import { createAuthService } from '../../src/auth/service.ts'
import { createThrottle } from '../../src/auth/throttle.ts'
import { createLaneStore } from '../../src/store/lanes.ts'
import { openSealer, type Sealer } from '../../src/store/sealing.ts'
import { createTestStore } from '../_support/store.ts'

const random = (size: number) => crypto.getRandomValues(new Uint8Array(size))

test.each(['ada', 'nobody', 'ADA'])('a wrong code for %s costs the opening of one secret', async username => {
  using store = createTestStore()
  const sealer = await openSealer(store.db, store, random)
  const opened: string[] = []
  const counting: Sealer = {
    seal: (plain, context) => sealer.seal(plain, context),
    open: (sealed, context) => {
      opened.push(context)
      return sealer.open(sealed, context)
    },
  }
  const throttle = createThrottle(createLaneStore(store.db), () => 0)
  const auth = await createAuthService({ ...store, throttle, sealer: counting, now: () => 0, steady: () => 0, random })
  const sealedSecret = await sealer.seal(random(20), 'id-of-ada')
  await store.db.write(() =>
    store.users.insert({ id: 'id-of-ada', username: 'ada', group: 'viewer', createdAt: 0, sealedSecret }),
  )
  await expect(auth.login(username, 'no code', { address: '192.0.2.1', agent: '' })).rejects.toMatchObject({
    errorId: 902,
  })
  expect(opened).toHaveLength(1)
  expect(opened.includes('id-of-ada')).toBe(username === 'ada')
})
