import { expect, test } from 'bun:test'
import { createAuthService } from '../../src/auth/service.ts'
import { createThrottle } from '../../src/auth/throttle.ts'
import { createEnrolmentStore } from '../../src/store/enrolments.ts'
import { createThrottleBucketStore } from '../../src/store/failure-counters.ts'
import { openSecretBox, type RotatableSecretBox } from '../../src/store/rotatable-secret-box.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { openTestAudit } from '../testkit/audit/audit.ts'
import { createTestStore } from '../testkit/store/test-store.ts'

const random = (size: number) => crypto.getRandomValues(new Uint8Array(size))

test.each(['ada', 'nobody', 'ADA'])('a wrong code for %s decrypts the same number of secrets', async username => {
  using store = createTestStore()
  const secretBox = await openSecretBox(store.db, store, random)
  const decrypted: string[] = []
  const countingBox: RotatableSecretBox = {
    ...secretBox,
    decrypt: (encrypted, context) => {
      decrypted.push(context)
      return secretBox.decrypt(encrypted, context)
    },
  }
  const throttle = createThrottle(createThrottleBucketStore(store.db), () => 0)
  const now = () => 0
  const audit = await openTestAudit(store, { now })
  const enrolments = createEnrolmentStore(store.db)
  const enrolment = { pendingSecret: async () => undefined, activate: () => false }
  const deps = {
    ...store,
    enrolments,
    enrolment,
    throttle,
    audit,
    secretBox: countingBox,
    now,
    monotonicWallClock: now,
    random,
  }
  const auth = await createAuthService(deps)
  const encryptedSecret = await secretBox.encrypt(random(20), 'id-of-ada')
  await store.db.write(() =>
    store.users.insert({ id: 'id-of-ada', username: 'ada', group: 'viewer', createdAt: 0, encryptedSecret }),
  )
  await expect(auth.login(TEST_ACTOR, username, 'no code', { agent: '' })).rejects.toMatchObject({
    errorId: 902,
  })
  expect(decrypted).toHaveLength(2)
  expect(decrypted.includes('id-of-ada')).toBe(username === 'ada')
})
