import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../../src/core/errors.ts'
import type { Group } from '../../../src/core/groups.ts'
import { createLog } from '../../../src/core/log.ts'
import type { Program } from '../../../src/droplets/engine.ts'
import { createConnectionSlots } from '../../../src/droplets/exec/slots.ts'
import type { Terminal, TerminalClient } from '../../../src/droplets/exec/terminal.ts'
import { createTerminals } from '../../../src/droplets/exec/terminals.ts'
import type { User } from '../../../src/store/users.ts'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { createTestAudit } from '../../testkit/audit/audit.ts'
import { createTestDroplet, toListed } from '../../testkit/droplets/droplet.ts'
import { createFakeProgram } from '../../testkit/droplets/fake-program.ts'
import { eventually } from '../../testkit/droplets/informer.ts'

const MIB = 1024 * 1024
const SCROLLBACK_BYTES = 256 * 1024
const SIZE = { columns: 80, rows: 24 }
const userOf = (username: string, group: Group = 'manager'): User => ({
  id: `id-of-${username}`,
  username,
  group,
  createdAt: 0,
})

/** A client that records what it receives and how it is closed. */
function createClient() {
  const received = {
    messages: [] as unknown[],
    bytes: [] as Uint8Array[],
    closed: [] as [number, string][],
    bufferedBytes: 0,
  }
  const connection: TerminalClient = {
    bufferedBytes: () => received.bufferedBytes,
    send: data =>
      void (typeof data === 'string' ? received.messages.push(JSON.parse(data)) : received.bytes.push(data)),
    close: (code, reason) => void received.closed.push([code, reason]),
  }
  return Object.assign(received, { connection, text: () => Buffer.concat(received.bytes).toString() })
}

/** Terminals over fake programs and sessions, with a real audit log and a manual clock. */
async function createTerminalHarness(slowClientTimeoutMs?: number) {
  const auditFixture = await createTestAudit()
  const { audit, db, clock } = auditFixture
  const sessions = new Map(['first', 'second'].map(id => [id, userOf('ann')]))
  const programs: ReturnType<typeof createFakeProgram>[] = []
  const executed: Program[] = []
  const failures: Error[] = []
  const logged: string[] = []
  const now = () => clock.time
  const slots = createConnectionSlots()
  const terminals = createTerminals({
    engine: {
      async execute(_, program) {
        const failure = failures.shift()
        if (failure) throw failure
        // A copy, because Bun’s toMatchObject modifies what it compares.
        executed.push(structuredClone(program))
        const created = createFakeProgram()
        programs.push(created)
        return created.execution
      },
    },
    droplets: {
      async findRunning(name) {
        if (name === 'cikit09') throw new ApiError('engineRefused')
        return toListed(createTestDroplet({ name, createdAt: 0 }))
      },
    },
    auth: { userOfSession: id => sessions.get(id) },
    audit,
    db,
    slots,
    random: size => crypto.getRandomValues(new Uint8Array(size)),
    monotonic: now,
    now,
    log: createLog({ write: line => void logged.push(line), readable: false, now }),
    ...(slowClientTimeoutMs !== undefined && { slowClientTimeoutMs }),
  })
  const grant = (sessionId = 'first', droplet = 'cikit01') => ({
    sessionId,
    actor: { ...TEST_ACTOR, user: 'ann' },
    droplet,
  })

  return {
    terminals,
    sessions,
    slots,
    programs,
    executed,
    failures,
    logged,
    clock,
    grant,
    resume: (id: string, name = 'ann', droplet = 'cikit01') =>
      terminals.resume(grant('second', droplet), userOf(name), id),
    /** Opens a terminal for ann, with a client. */
    async open(droplet = 'cikit01') {
      const terminal = await terminals.open(grant('first', droplet), userOf('ann'), SIZE)
      const client = createClient()
      terminals.attach(terminal, client.connection, false)
      const program = programs.at(-1)
      if (!program) throw new Error('no program was started')
      return { terminal, client, program }
    },
    /** Advances the clock and ends what has expired. */
    advance(milliseconds: number): void {
      clock.time += milliseconds
      terminals.endExpired()
    },
    /** `action result error time`. */
    auditRecords: () =>
      auditFixture.records().map(({ action, result, errorId, time }) => [action, result, errorId, time]),
    async [Symbol.asyncDispose]() {
      await terminals.close()
      // Pending records are written.
      await db.write(() => undefined)
      await auditFixture[Symbol.asyncDispose]()
    },
  }
}

type Harness = Awaited<ReturnType<typeof createTerminalHarness>>

/** Loses the client and connects another one. */
function reconnect(harness: Harness, terminal: Terminal, oldConnection: TerminalClient) {
  harness.terminals.detachClient(terminal, oldConnection)
  const next = createClient()
  const resumed = harness.resume(terminal.id)
  if (!resumed) throw new Error('there is no such terminal')
  harness.terminals.attach(resumed, next.connection, true)
  return next
}

describe('a terminal', () => {
  test('runs a shell of the requested size, and reports its id', async () => {
    await using harness = await createTerminalHarness()
    const { terminal, client } = await harness.open()
    expect(harness.executed).toMatchObject([{ command: ['sh', '-c', expect.stringContaining('bash')], terminal: SIZE }])
    expect(client.messages).toEqual([{ opened: { terminal: terminal.id, resumed: false } }])
  })

  test('forwards output, input and resizes', async () => {
    await using harness = await createTerminalHarness()
    const { terminal, client, program } = await harness.open()
    program.print('# ')
    await eventually(async () => client.text() === '# ')
    terminal.write(new TextEncoder().encode('ls\r'))
    await terminal.resize({ columns: 100, rows: 30 })
    expect([program.inputs, program.sizes]).toEqual([['ls\r'], [{ columns: 100, rows: 30 }]])
  })

  test.each([
    ['an exit code', 3, 3],
    ['an unknown exit code', undefined, null],
  ])('whose program ends with %s reports that and closes', async (_, code, expected) => {
    await using harness = await createTerminalHarness()
    const { terminal, client, program } = await harness.open()
    program.print('bye')
    program.exit(code)
    await eventually(async () => client.closed.length > 0)
    expect(client.text()).toBe('bye')
    expect(client.messages.at(-1)).toEqual({ exit: expected })
    expect(client.closed).toEqual([[1000, 'The program has ended']])
    await eventually(async () => harness.terminals.count() === 0)
    expect(harness.resume(terminal.id)).toBeUndefined()
  })

  test('closes without an exit code if the engine goes away', async () => {
    await using harness = await createTerminalHarness()
    const { client, program } = await harness.open()
    program.failWith(new ApiError('engineUnavailable'))
    await eventually(async () => harness.terminals.count() === 0)
    expect(client.closed).toEqual([[1000, 'The engine cannot be reached']])
    expect(client.messages).toHaveLength(1)
  })

  test('closes a client that connects after the program has ended', async () => {
    await using harness = await createTerminalHarness()
    const terminal = await harness.terminals.open(harness.grant(), userOf('ann'), SIZE)
    harness.programs[0]?.exit(0)
    await eventually(async () => harness.terminals.count() === 0)
    const client = createClient()
    harness.terminals.attach(terminal, client.connection, false)
    expect(client.closed).toEqual([[1000, 'The program has ended']])
  })
})

describe('the audit log', () => {
  test('records the opening and the end with their times', async () => {
    await using harness = await createTerminalHarness()
    const { program } = await harness.open()
    const opened = harness.clock.time
    expect(harness.auditRecords()).toEqual([['droplet.exec', 'ok', null, opened]])
    harness.clock.time += 5_000
    program.exit(0)
    await eventually(async () => harness.auditRecords().length === 2)
    expect(harness.auditRecords()[1]).toEqual(['droplet.exec.end', 'ok', null, opened + 5_000])
  })

  test('records a failed start, and the slot is released', async () => {
    await using harness = await createTerminalHarness()
    harness.failures.push(...Array.from({ length: 21 }, () => new ApiError('engineUnavailable')))
    for (let count = 0; count < 21; count++) {
      await expect(harness.open()).rejects.toMatchObject({ errorId: 918 })
    }
    const { time } = harness.clock
    expect(harness.auditRecords().slice(-2)).toEqual([
      ['droplet.exec', 'ok', null, time],
      ['droplet.exec.end', 'failed', 918, time],
    ])
    await harness.open()
  })

  test('records nothing for a stopped droplet', async () => {
    await using harness = await createTerminalHarness()
    await expect(harness.open('cikit09')).rejects.toMatchObject({ errorId: 900 })
    await expect(harness.terminals.issue(harness.grant('first', 'cikit09'))).rejects.toMatchObject({ errorId: 900 })
    expect(harness.auditRecords()).toEqual([])
    expect(harness.executed).toEqual([])
  })
})

describe('a ticket', () => {
  test('identifies the user of its session', async () => {
    await using harness = await createTerminalHarness()
    const ticket = await harness.terminals.issue(harness.grant())
    expect(harness.terminals.redeem(ticket, 'cikit01')).toMatchObject({ user: userOf('ann'), grant: harness.grant() })
  })

  test.each<[string, (harness: Harness) => unknown]>([
    ['has ended', harness => harness.sessions.delete('first')],
    ['belongs to a viewer now', harness => harness.sessions.set('first', userOf('ann', 'viewer'))],
  ])('is rejected when its session %s', async (_, change) => {
    await using harness = await createTerminalHarness()
    const ticket = await harness.terminals.issue(harness.grant())
    change(harness)
    expect(() => harness.terminals.redeem(ticket, 'cikit01')).toThrow(expect.objectContaining({ errorId: 935 }))
  })
})

describe('a lost client', () => {
  test('gets the output it missed when it reconnects', async () => {
    await using harness = await createTerminalHarness()
    const { terminal, client, program } = await harness.open()
    program.print('one ')
    await eventually(async () => client.text() === 'one ')
    harness.terminals.detachClient(terminal, client.connection)
    program.print('two')
    await eventually(async () => program.counters.chunksRead === 2)
    const next = reconnect(harness, terminal, client.connection)
    expect(next.messages).toEqual([{ opened: { terminal: terminal.id, resumed: true } }])
    expect(next.text()).toBe('one two')
    expect(client.text()).toBe('one ')
  })

  test.each([
    ['in small chunks', 64 * 1024],
    ['in large chunks', 200 * 1024],
    ['all at once', MIB],
  ])('gets the last 256 KiB of output printed %s', async (_, size) => {
    await using harness = await createTerminalHarness()
    const { terminal, client, program } = await harness.open()
    const printed = Buffer.from(Array.from({ length: MIB }, (_, at) => (at * 7 + (at >> 8)) % 251))
    for (let at = 0; at < MIB; at += size) program.print(printed.subarray(at, at + size))
    program.print('$')
    await eventually(async () => client.text().endsWith('$'))
    const next = reconnect(harness, terminal, client.connection)
    const expected = Buffer.concat([printed, Buffer.from('$')]).subarray(-SCROLLBACK_BYTES)
    expect(Buffer.concat(next.bytes).equals(expected)).toBe(true)
  })

  test('can reconnect for a minute, not longer', async () => {
    await using harness = await createTerminalHarness()
    const { terminal, client, program } = await harness.open()
    harness.terminals.detachClient(terminal, client.connection)
    harness.advance(60_000)
    expect([harness.terminals.count(), program.counters.endCalls]).toEqual([1, 0])
    harness.advance(1)
    expect([harness.terminals.count(), program.counters.endCalls]).toEqual([0, 1])
    expect(harness.resume(terminal.id)).toBeUndefined()
    await eventually(async () => harness.auditRecords().length === 2)
  })

  test('has another minute after it reconnected', async () => {
    await using harness = await createTerminalHarness()
    const { terminal, client } = await harness.open()
    harness.terminals.detachClient(terminal, client.connection)
    harness.advance(50_000)
    const next = reconnect(harness, terminal, client.connection)
    harness.advance(50_000)
    harness.terminals.detachClient(terminal, next.connection)
    harness.advance(60_000)
    expect(harness.terminals.count()).toBe(1)
    harness.advance(1)
    expect(harness.terminals.count()).toBe(0)
  })

  test('has a minute even if it never connected', async () => {
    await using harness = await createTerminalHarness()
    await harness.terminals.open(harness.grant(), userOf('ann'), SIZE)
    harness.advance(60_001)
    expect([harness.terminals.count(), harness.programs[0]?.counters.endCalls]).toEqual([0, 1])
  })

  test.each([
    ['another user', 'bob', 'cikit01'],
    ['the same user in another droplet', 'ann', 'cikit02'],
  ])('cannot resume %s', async (_, name, droplet) => {
    await using harness = await createTerminalHarness()
    const { terminal } = await harness.open()
    expect(harness.resume(terminal.id, name, droplet)).toBeUndefined()
    expect(harness.resume(terminal.id)).toBe(terminal)
  })
})

test('opening a terminal elsewhere takes it over and disconnects the previous client', async () => {
  await using harness = await createTerminalHarness()
  const { terminal, client, program } = await harness.open()
  harness.resume(terminal.id)
  const next = createClient()
  harness.terminals.attach(terminal, next.connection, true)
  expect(client.closed).toEqual([[4409, 'The terminal was opened elsewhere']])
  harness.terminals.detachClient(terminal, client.connection)
  program.print('for the new one')
  await eventually(async () => next.text() === 'for the new one')
  expect(client.text()).toBe('')
  harness.advance(600_000)
  expect(harness.terminals.count()).toBe(1)
})

describe('a terminal ends', () => {
  test.each<[string, (harness: Harness) => unknown]>([
    ['when its session ends', harness => harness.sessions.delete('first')],
    ['when its user loses the permission', harness => harness.sessions.set('first', userOf('ann', 'viewer'))],
  ])('%s', async (_, change) => {
    await using harness = await createTerminalHarness()
    const { client, program } = await harness.open()
    harness.advance(0)
    expect(client.closed).toEqual([])
    change(harness)
    harness.advance(0)
    expect(client.closed).toEqual([[4401, 'The session has ended']])
    await eventually(async () => harness.auditRecords().length === 2)
    expect([program.counters.endCalls, harness.terminals.count()]).toEqual([1, 0])
    // The program was killed, so no exit code is reported.
    expect(client.messages).toHaveLength(1)
  })

  test('with the session that resumed it, not with the previous one', async () => {
    await using harness = await createTerminalHarness()
    const { terminal, client } = await harness.open()
    const next = reconnect(harness, terminal, client.connection)
    harness.sessions.delete('first')
    harness.advance(0)
    expect(next.closed).toEqual([])
    harness.sessions.delete('second')
    harness.advance(0)
    expect(next.closed).toMatchObject([[4401, expect.any(String)]])
  })

  test('when its session cannot be read', async () => {
    await using harness = await createTerminalHarness()
    const { client } = await harness.open()
    harness.sessions.get = () => {
      throw new Error('the disk is gone')
    }
    harness.advance(0)
    expect(client.closed).toMatchObject([[4401, expect.any(String)]])
  })

  test('within a second by a timer', async () => {
    await using harness = await createTerminalHarness()
    harness.terminals.start()
    const { client } = await harness.open()
    const startedAt = performance.now()
    harness.sessions.delete('first')
    await eventually(async () => client.closed.length > 0)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })

  test('even if its program cannot be killed, which is logged', async () => {
    await using harness = await createTerminalHarness()
    const { program } = await harness.open()
    program.execution.kill = () => Promise.reject(new ApiError('engineUnavailable'))
    harness.sessions.delete('first')
    harness.advance(0)
    await eventually(async () => harness.logged.length > 0)
    expect(harness.logged.map(line => JSON.parse(line))).toMatchObject([
      { level: 'warn', message: 'a terminal program could not be killed', droplet: 'cikit01' },
    ])
    expect(harness.terminals.count()).toBe(0)
  })
})

describe('a slow client', () => {
  test('pauses the program while more than 1 MiB is unread', async () => {
    await using harness = await createTerminalHarness()
    const { terminal, client, program } = await harness.open()
    client.bufferedBytes = MIB
    program.print('one')
    program.print('two')
    await eventually(async () => program.counters.chunksRead === 2)
    client.bufferedBytes = MIB + 1
    for (const text of ['three', 'four', 'five']) program.print(text)
    await eventually(async () => program.counters.chunksRead === 3)
    // Drain events alone do not resume it; the buffered amount decides.
    for (let count = 0; count < 10; count++) {
      terminal.onDrain()
      await new Promise(setImmediate)
    }
    expect([program.counters.chunksRead, client.text()]).toEqual([3, 'onetwothree'])
    client.bufferedBytes = 0
    terminal.onDrain()
    await eventually(async () => client.text() === 'onetwothreefourfive')
  })

  test('that disconnects resumes the program', async () => {
    await using harness = await createTerminalHarness()
    const { terminal, client, program } = await harness.open()
    client.bufferedBytes = MIB + 1
    for (const text of ['one', 'two', 'three']) program.print(text)
    await eventually(async () => program.counters.chunksRead === 1)
    harness.terminals.detachClient(terminal, client.connection)
    await eventually(async () => program.counters.chunksRead === 3)
    expect(reconnect(harness, terminal, client.connection).text()).toBe('onetwothree')
  })

  test('is disconnected after the timeout, and its terminal waits a minute from then on', async () => {
    await using harness = await createTerminalHarness(20)
    const { terminal, client, program } = await harness.open()
    client.bufferedBytes = MIB + 1
    program.print('one')
    program.print('two')
    await eventually(async () => program.counters.chunksRead === 2)
    expect(client.closed).toEqual([[4408, 'The client does not read']])
    expect(client.text()).toBe('one')
    // The close event of the WebSocket follows later.
    harness.terminals.detachClient(terminal, client.connection)
    harness.advance(60_000)
    expect(harness.terminals.count()).toBe(1)
    harness.advance(1)
    expect([harness.terminals.count(), program.counters.endCalls]).toEqual([0, 1])
  })
})

test('a user can have twenty terminals, and another one when one has ended', async () => {
  await using harness = await createTerminalHarness()
  const opened = []
  for (let count = 0; count < 20; count++) opened.push(await harness.open())
  await expect(harness.open()).rejects.toMatchObject({ errorId: 938 })
  expect(harness.programs).toHaveLength(20)
  opened[0]?.program.exit(0)
  await eventually(async () => harness.terminals.count() === 19)
  await harness.open()
  expect(harness.auditRecords().filter(([action]) => action === 'droplet.exec')).toHaveLength(21)
})

test('a client that closes ends its terminal, unless it was taken over', async () => {
  await using harness = await createTerminalHarness()
  const { terminal, client, program } = await harness.open()
  const next = createClient()
  harness.terminals.attach(terminal, next.connection, true)
  harness.terminals.endByClient(terminal, client.connection)
  expect([program.counters.endCalls, harness.terminals.count()]).toEqual([0, 1])
  harness.terminals.endByClient(terminal, next.connection)
  expect([program.counters.endCalls, harness.terminals.count()]).toEqual([1, 0])
})

describe('at shutdown', () => {
  test('all terminals end and are not recorded as interrupted', async () => {
    await using harness = await createTerminalHarness()
    const opened = [await harness.open(), await harness.open('cikit02')]
    await harness.terminals.close()
    for (const { client, program } of opened) {
      expect([client.closed, program.counters.endCalls]).toEqual([[[1001, 'The server is stopping']], 1])
    }
    expect(harness.terminals.count()).toBe(0)
    await eventually(async () => harness.auditRecords().length === 4)
    expect(harness.auditRecords().map(([action, result]) => [action, result])).toEqual([
      ['droplet.exec', 'ok'],
      ['droplet.exec', 'ok'],
      ['droplet.exec.end', 'ok'],
      ['droplet.exec.end', 'ok'],
    ])
  })

  test('a terminal that is opened meanwhile ends at once', async () => {
    await using harness = await createTerminalHarness()
    await harness.terminals.close()
    const { client, program } = await harness.open()
    expect(client.closed).toEqual([[1000, 'The program has ended']])
    expect([program.counters.endCalls, harness.terminals.count()]).toEqual([1, 0])
  })
})
