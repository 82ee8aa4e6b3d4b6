import { expect, test } from 'bun:test'
import { createAuthService } from '../../src/auth/service.ts'
import { createThrottle } from '../../src/auth/throttle.ts'
import { createEnrolmentStore } from '../../src/store/enrolments.ts'
import { createLaneStore } from '../../src/store/lanes.ts'
import { type KeptSealer, openSealer } from '../../src/store/sealing-key.ts'
import { ACT } from '../_support/act.ts'
import { openTestAudit } from '../_support/audit.ts'
import { createTestStore } from '../_support/store.ts'

const random = (size: number) => crypto.getRandomValues(new Uint8Array(size))

test.each(['ada', 'nobody', 'ADA'])('a wrong code for %s costs the opening of as many secrets', async username => {
  using store = createTestStore()
  const sealer = await openSealer(store.db, store, random)
  const opened: string[] = []
  const counting: KeptSealer = {
    ...sealer,
    open: (sealed, context) => {
      opened.push(context)
      return sealer.open(sealed, context)
    },
  }
  const throttle = createThrottle(createLaneStore(store.db), () => 0)
  const now = () => 0
  const audit = await openTestAudit(store, { now })
  const enrolments = createEnrolmentStore(store.db)
  const enrolment = { pendingOf: async () => undefined, takeEffect: () => false }
  const deps = { ...store, enrolments, enrolment, throttle, audit, sealer: counting, now, steady: now, random }
  const auth = await createAuthService(deps)
  const sealedSecret = await sealer.seal(random(20), 'id-of-ada')
  await store.db.write(() =>
    store.users.insert({ id: 'id-of-ada', username: 'ada', group: 'viewer', createdAt: 0, sealedSecret }),
  )
  await expect(auth.login(ACT, username, 'no code', { agent: '' })).rejects.toMatchObject({
    errorId: 902,
  })
  expect(opened).toHaveLength(2)
  expect(opened.includes('id-of-ada')).toBe(username === 'ada')
})
