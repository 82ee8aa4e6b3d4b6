import { expect, test } from 'bun:test'
import { createLog } from '../../src/core/log.ts'
import type { InformerChange } from '../../src/droplets/informer.ts'
import { createEventService } from '../../src/events/service.ts'
import type { AuditRecord } from '../../src/store/audit.ts'
import type { User } from '../../src/store/users.ts'

const owner: User = { id: 'id-of-owner', username: 'owner', group: 'owner', createdAt: 0 }

/** An event service over users set by the test. */
function createService(holder = owner) {
  const pollWaiters: (() => void)[] = []
  const logged: string[] = []
  const listeners = new Set<(change: InformerChange) => void>()
  let list = (): readonly User[] => []
  let latestRecord = 1
  const service = createEventService({
    auth: { userOfSession: () => holder },
    audit: { records: () => [{ number: latestRecord } as AuditRecord] },
    users: {
      list() {
        for (const resolve of pollWaiters.splice(0)) resolve()
        return list()
      },
    },
    informer: {
      watch(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    operations: { watch: () => () => undefined },
    domain: 'matrix.test',
    now: () => 0,
    random: size => new Uint8Array(size),
    log: createLog({ write: line => void logged.push(line), readable: false, now: () => 0 }),
  })
  service.start()
  return {
    service,
    listeners,
    logged,
    showUsers: (nextList: () => readonly User[]) => {
      list = nextList
    },
    /** Sets the number of the latest audit record. */
    record: (number: number) => {
      latestRecord = number
    },
    /** Resolves at the next poll. */
    nextPoll: () => new Promise<void>(resolve => pollWaiters.push(resolve)),
  }
}

test('logs a failing poll once, and keeps polling', async () => {
  const { service, showUsers, nextPoll, logged } = createService()
  const failing = () => {
    throw new Error('no such table')
  }
  showUsers(failing)
  for (let count = 0; count < 3; count++) await nextPoll()
  const lines = logged.map(line => JSON.parse(line))
  expect(lines).toEqual([expect.objectContaining({ level: 'warn', message: 'users and sessions cannot be read' })])
  expect(logged[0]).toContain('no such table')

  const text = service.open('of the owner', undefined, () => undefined).getReader()
  showUsers(() => [owner])
  for (let count = 0; count < 2; count++) await nextPoll()
  const chunks = [await text.read(), await text.read(), await text.read()]
  expect(new TextDecoder().decode(chunks[2]?.value)).toContain('"username":"owner"')
  showUsers(failing)
  for (let count = 0; count < 2; count++) await nextPoll()
  expect(logged).toHaveLength(2)
  service.close()
})

test('unsubscribes and stops polling when closed', async () => {
  const { service, listeners, nextPoll } = createService()
  expect(listeners.size).toBe(1)
  await nextPoll()
  service.close()
  expect(listeners.size).toBe(0)
  // Longer than several polling intervals.
  expect(await Promise.race([nextPoll().then(() => 'polled'), Bun.sleep(800)])).toBeUndefined()
})

test.each([
  ['owner', ['event: audit\ndata: {"last":7}\n\n']],
  ['manager', []],
] as const)('reports new audit records only to the owner: %s', async (group, expected) => {
  const { service, record } = createService({ ...owner, group })
  const body = service.open('a session', undefined, () => undefined)
  record(7)
  service.poll()
  service.poll()
  service.close()
  const text = await new Response(body).text()
  expect(text.match(/event: audit\n.*\n\n/g) ?? []).toEqual([...expected])
})
