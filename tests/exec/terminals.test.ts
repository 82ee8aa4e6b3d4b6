import { describe, expect, test } from 'bun:test'
import type { Program } from '../../src/droplets/engine.ts'
import { ApiError } from '../../src/errors.ts'
import { createPlaces } from '../../src/exec/places.ts'
import type { Peer, Terminal } from '../../src/exec/terminal.ts'
import { createTerminals } from '../../src/exec/terminals.ts'
import { createLog } from '../../src/log.ts'
import type { Group, User } from '../../src/store/users.ts'
import { ACT } from '../_support/act.ts'
import { createAudit } from '../_support/audit.ts'
import { aDroplet, listed } from '../_support/droplet.ts'
import { eventually } from '../_support/live.ts'
import { createProgram } from '../_support/program.ts'

const MIB = 1024 * 1024
const KEPT = 256 * 1024
const SIZE = { columns: 80, rows: 24 }
const userOf = (name: string, group: Group = 'manager'): User => ({
  id: `id-of-${name}`,
  username: name,
  group,
  createdAt: 0,
})

/** A client: what came to it, and how it was closed. */
function createPeer() {
  const heard = { said: [] as unknown[], bytes: [] as Uint8Array[], closed: [] as [number, string][], waiting: 0 }
  const peer: Peer = {
    waiting: () => heard.waiting,
    send: data => void (typeof data === 'string' ? heard.said.push(JSON.parse(data)) : heard.bytes.push(data)),
    close: (code, reason) => void heard.closed.push([code, reason]),
  }
  return Object.assign(heard, { peer, text: () => Buffer.concat(heard.bytes).toString() })
}

/** Terminals over programs that the test plays, sessions that it ends, a real audit, and a clock that is moved by hand. */
async function createHost(slowMs?: number) {
  const host = await createAudit()
  const { audit, db, clock } = host
  const sessions = new Map(['first', 'second'].map(id => [id, userOf('ann')]))
  const programs: ReturnType<typeof createProgram>[] = []
  const asked: Program[] = []
  const refusals: Error[] = []
  const logged: string[] = []
  const now = () => clock.time
  const places = createPlaces()
  const terminals = createTerminals({
    engine: {
      async execute(_, program) {
        const refusal = refusals.shift()
        if (refusal) throw refusal
        // A copy: toMatchObject of Bun puts its own matchers into what it compares.
        asked.push(structuredClone(program))
        const made = createProgram()
        programs.push(made)
        return made.execution
      },
    },
    droplets: {
      async findRunning(name) {
        if (name === 'cikit09') throw new ApiError('engineRefused')
        return listed(aDroplet({ name, createdAt: 0 }))
      },
    },
    auth: { holderOf: id => sessions.get(id) },
    audit,
    db,
    places,
    random: size => crypto.getRandomValues(new Uint8Array(size)),
    monotonic: now,
    now,
    log: createLog({ write: line => void logged.push(line), readable: false, now }),
    ...(slowMs !== undefined && { slowMs }),
  })
  const admission = (sessionId = 'first', droplet = 'cikit01') => ({
    sessionId,
    act: { ...ACT, user: 'ann' },
    droplet,
  })

  return {
    terminals,
    sessions,
    places,
    programs,
    asked,
    refusals,
    logged,
    clock,
    admission,
    resume: (id: string, name = 'ann', droplet = 'cikit01') =>
      terminals.resume(admission('second', droplet), userOf(name), id),
    /** A terminal of ann's, with a client. */
    async open(droplet = 'cikit01') {
      const terminal = await terminals.open(admission('first', droplet), userOf('ann'), SIZE)
      const client = createPeer()
      terminals.attach(terminal, client.peer, false)
      const program = programs.at(-1)
      if (!program) throw new Error('no program was started')
      return { terminal, client, program }
    },
    /** Time passes, and then it is looked at what is over. */
    pass(milliseconds: number): void {
      clock.time += milliseconds
      terminals.look()
    },
    /** `action result error time`. */
    audited: () => host.told().map(({ action, result, errorId, time }) => [action, result, errorId, time]),
    async [Symbol.asyncDispose]() {
      await terminals.close()
      // What is still to be recorded is.
      await db.write(() => undefined)
      await host[Symbol.asyncDispose]()
    },
  }
}

type Host = Awaited<ReturnType<typeof createHost>>

/** Its client is lost, and another one comes. */
function comeBack(host: Host, terminal: Terminal, gone: Peer) {
  host.terminals.leave(terminal, gone)
  const next = createPeer()
  const again = host.resume(terminal.id)
  if (!again) throw new Error('there is no such terminal')
  host.terminals.attach(again, next.peer, true)
  return next
}

describe('a terminal', () => {
  test('is a shell of the size that was wished for, and says which one it is', async () => {
    await using host = await createHost()
    const { terminal, client } = await host.open()
    expect(host.asked).toMatchObject([{ command: ['sh', '-c', expect.stringContaining('bash')], terminal: SIZE }])
    expect(client.said).toEqual([{ opened: { terminal: terminal.id, resumed: false } }])
  })

  test('hands on what is printed, what is typed, and its size', async () => {
    await using host = await createHost()
    const { terminal, client, program } = await host.open()
    program.print('# ')
    await eventually(async () => client.text() === '# ')
    terminal.write(new TextEncoder().encode('ls\r'))
    await terminal.resize({ columns: 100, rows: 30 })
    expect([program.typed, program.sizes]).toEqual([['ls\r'], [{ columns: 100, rows: 30 }]])
  })

  test.each([
    ['its code', 3, 3],
    ['nothing that anybody knows', undefined, null],
  ])('whose program ends with %s says so, and is over', async (_, code, told) => {
    await using host = await createHost()
    const { terminal, client, program } = await host.open()
    program.print('bye')
    program.exit(code)
    await eventually(async () => client.closed.length > 0)
    expect(client.text()).toBe('bye')
    expect(client.said.at(-1)).toEqual({ exit: told })
    expect(client.closed).toEqual([[1000, 'The program has ended']])
    await eventually(async () => host.terminals.count() === 0)
    expect(host.resume(terminal.id)).toBeUndefined()
  })

  test('whose engine goes away is over, and nobody is told a code', async () => {
    await using host = await createHost()
    const { client, program } = await host.open()
    program.breakOff(new ApiError('engineUnavailable'))
    await eventually(async () => host.terminals.count() === 0)
    expect(client.closed).toEqual([[1000, 'The engine cannot be reached']])
    expect(client.said).toHaveLength(1)
  })

  test('whose program has ended before its client was there closes it', async () => {
    await using host = await createHost()
    const terminal = await host.terminals.open(host.admission(), userOf('ann'), SIZE)
    host.programs[0]?.exit(0)
    await eventually(async () => host.terminals.count() === 0)
    const client = createPeer()
    host.terminals.attach(terminal, client.peer, false)
    expect(client.closed).toEqual([[1000, 'The program has ended']])
  })
})

describe('the audit', () => {
  test('has the opening with its time, and the end with its own', async () => {
    await using host = await createHost()
    const { program } = await host.open()
    const opened = host.clock.time
    expect(host.audited()).toEqual([['droplet.exec', 'ok', null, opened]])
    host.clock.time += 5_000
    program.exit(0)
    await eventually(async () => host.audited().length === 2)
    expect(host.audited()[1]).toEqual(['droplet.exec.end', 'ok', null, opened + 5_000])
  })

  test('has one that the engine did not start as failed, and its place is given back', async () => {
    await using host = await createHost()
    host.refusals.push(...Array.from({ length: 21 }, () => new ApiError('engineUnavailable')))
    for (let count = 0; count < 21; count++) {
      await expect(host.open()).rejects.toMatchObject({ errorId: 918 })
    }
    const { time } = host.clock
    expect(host.audited().slice(-2)).toEqual([
      ['droplet.exec', 'ok', null, time],
      ['droplet.exec.end', 'failed', 918, time],
    ])
    await host.open()
  })

  test('has nothing of one in a droplet that does not run', async () => {
    await using host = await createHost()
    await expect(host.open('cikit09')).rejects.toMatchObject({ errorId: 900 })
    await expect(host.terminals.issue(host.admission('first', 'cikit09'))).rejects.toMatchObject({ errorId: 900 })
    expect(host.audited()).toEqual([])
    expect(host.asked).toEqual([])
  })
})

describe('a ticket', () => {
  test('admits the user of its session', async () => {
    await using host = await createHost()
    const ticket = await host.terminals.issue(host.admission())
    expect(host.terminals.redeem(ticket, 'cikit01')).toMatchObject({ user: userOf('ann'), admission: host.admission() })
  })

  test.each<[string, (host: Host) => unknown]>([
    ['has ended', host => host.sessions.delete('first')],
    ['is a viewer’s by now', host => host.sessions.set('first', userOf('ann', 'viewer'))],
  ])('is none any more when its session %s', async (_, change) => {
    await using host = await createHost()
    const ticket = await host.terminals.issue(host.admission())
    change(host)
    expect(() => host.terminals.redeem(ticket, 'cikit01')).toThrow(expect.objectContaining({ errorId: 935 }))
  })
})

describe('a lost client', () => {
  test('comes back to what was printed meanwhile, too', async () => {
    await using host = await createHost()
    const { terminal, client, program } = await host.open()
    program.print('one ')
    await eventually(async () => client.text() === 'one ')
    host.terminals.leave(terminal, client.peer)
    program.print('two')
    await eventually(async () => program.told.taken === 2)
    const next = comeBack(host, terminal, client.peer)
    expect(next.said).toEqual([{ opened: { terminal: terminal.id, resumed: true } }])
    expect(next.text()).toBe('one two')
    expect(client.text()).toBe('one ')
  })

  test.each([
    ['in many pieces', 64 * 1024],
    ['in large ones', 200 * 1024],
    ['all at once', MIB],
  ])('gets the last 256 KiB of what was printed %s', async (_, size) => {
    await using host = await createHost()
    const { terminal, client, program } = await host.open()
    const printed = Buffer.from(Array.from({ length: MIB }, (_, at) => (at * 7 + (at >> 8)) % 251))
    for (let at = 0; at < MIB; at += size) program.print(printed.subarray(at, at + size))
    program.print('$')
    await eventually(async () => client.text().endsWith('$'))
    const next = comeBack(host, terminal, client.peer)
    const wanted = Buffer.concat([printed, Buffer.from('$')]).subarray(-KEPT)
    expect(Buffer.concat(next.bytes).equals(wanted)).toBe(true)
  })

  test('finds its terminal within a minute, and not after that', async () => {
    await using host = await createHost()
    const { terminal, client, program } = await host.open()
    host.terminals.leave(terminal, client.peer)
    host.pass(60_000)
    expect([host.terminals.count(), program.told.ends]).toEqual([1, 0])
    host.pass(1)
    expect([host.terminals.count(), program.told.ends]).toEqual([0, 1])
    expect(host.resume(terminal.id)).toBeUndefined()
    await eventually(async () => host.audited().length === 2)
  })

  test('that came back has its minute anew when it is lost again', async () => {
    await using host = await createHost()
    const { terminal, client } = await host.open()
    host.terminals.leave(terminal, client.peer)
    host.pass(50_000)
    const next = comeBack(host, terminal, client.peer)
    host.pass(50_000)
    host.terminals.leave(terminal, next.peer)
    host.pass(60_000)
    expect(host.terminals.count()).toBe(1)
    host.pass(1)
    expect(host.terminals.count()).toBe(0)
  })

  test('that never came has a minute, too', async () => {
    await using host = await createHost()
    await host.terminals.open(host.admission(), userOf('ann'), SIZE)
    host.pass(60_001)
    expect([host.terminals.count(), host.programs[0]?.told.ends]).toEqual([0, 1])
  })

  test.each([
    ['another user', 'bob', 'cikit01'],
    ['the same user in another droplet', 'ann', 'cikit02'],
  ])('is not taken for %s', async (_, name, droplet) => {
    await using host = await createHost()
    const { terminal } = await host.open()
    expect(host.resume(terminal.id, name, droplet)).toBeUndefined()
    expect(host.resume(terminal.id)).toBe(terminal)
  })
})

test('a terminal that is opened elsewhere is taken over, and the one before says nothing of it any more', async () => {
  await using host = await createHost()
  const { terminal, client, program } = await host.open()
  host.resume(terminal.id)
  const next = createPeer()
  host.terminals.attach(terminal, next.peer, true)
  expect(client.closed).toEqual([[4409, 'The terminal was opened elsewhere']])
  host.terminals.leave(terminal, client.peer)
  program.print('for the new one')
  await eventually(async () => next.text() === 'for the new one')
  expect(client.text()).toBe('')
  host.pass(600_000)
  expect(host.terminals.count()).toBe(1)
})

describe('a terminal is over', () => {
  test.each<[string, (host: Host) => unknown]>([
    ['with its session', host => host.sessions.delete('first')],
    ['with the right to it', host => host.sessions.set('first', userOf('ann', 'viewer'))],
  ])('%s', async (_, change) => {
    await using host = await createHost()
    const { client, program } = await host.open()
    host.pass(0)
    expect(client.closed).toEqual([])
    change(host)
    host.pass(0)
    expect(client.closed).toEqual([[4401, 'The session is over']])
    await eventually(async () => host.audited().length === 2)
    expect([program.told.ends, host.terminals.count()]).toEqual([1, 0])
    // Its program has ended only because it was ended: nobody is told a code.
    expect(client.said).toHaveLength(1)
  })

  test('with the session that took it up again, and not with the one before', async () => {
    await using host = await createHost()
    const { terminal, client } = await host.open()
    const next = comeBack(host, terminal, client.peer)
    host.sessions.delete('first')
    host.pass(0)
    expect(next.closed).toEqual([])
    host.sessions.delete('second')
    host.pass(0)
    expect(next.closed).toMatchObject([[4401, expect.any(String)]])
  })

  test('when its session cannot be read', async () => {
    await using host = await createHost()
    const { client } = await host.open()
    host.sessions.get = () => {
      throw new Error('the disk is gone')
    }
    host.pass(0)
    expect(client.closed).toMatchObject([[4401, expect.any(String)]])
  })

  test('by itself, within a second: nobody has to ask', async () => {
    await using host = await createHost()
    const { client } = await host.open()
    const since = performance.now()
    host.sessions.delete('first')
    await eventually(async () => client.closed.length > 0)
    expect(performance.now() - since).toBeLessThan(1_000)
  })

  test('though its program cannot be ended, which is a line of the log', async () => {
    await using host = await createHost()
    const { program } = await host.open()
    program.execution.end = () => Promise.reject(new ApiError('engineUnavailable'))
    host.sessions.delete('first')
    host.pass(0)
    await eventually(async () => host.logged.length > 0)
    expect(host.logged.map(line => JSON.parse(line))).toMatchObject([
      { level: 'warn', message: 'a terminal could not be ended within its droplet', droplet: 'cikit01' },
    ])
    expect(host.terminals.count()).toBe(0)
  })
})

describe('while its client is behind', () => {
  test('by more than a MiB the program is not read, until the client has read on', async () => {
    await using host = await createHost()
    const { terminal, client, program } = await host.open()
    client.waiting = MIB
    program.print('one')
    program.print('two')
    await eventually(async () => program.told.taken === 2)
    client.waiting = MIB + 1
    for (const text of ['three', 'four', 'five']) program.print(text)
    await eventually(async () => program.told.taken === 3)
    // However often it is told so: what counts is how much waits.
    for (let count = 0; count < 10; count++) {
      terminal.drained()
      await new Promise(setImmediate)
    }
    expect([program.told.taken, client.text()]).toEqual([3, 'onetwothree'])
    client.waiting = 0
    terminal.drained()
    await eventually(async () => client.text() === 'onetwothreefourfive')
  })

  test('and goes away, the program is read on', async () => {
    await using host = await createHost()
    const { terminal, client, program } = await host.open()
    client.waiting = MIB + 1
    for (const text of ['one', 'two', 'three']) program.print(text)
    await eventually(async () => program.told.taken === 1)
    host.terminals.leave(terminal, client.peer)
    await eventually(async () => program.told.taken === 3)
    expect(comeBack(host, terminal, client.peer).text()).toBe('onetwothree')
  })

  test('for too long it is given up, and its terminal has a minute from then on', async () => {
    await using host = await createHost(20)
    const { terminal, client, program } = await host.open()
    client.waiting = MIB + 1
    program.print('one')
    program.print('two')
    await eventually(async () => program.told.taken === 2)
    expect(client.closed).toEqual([[4408, 'The client does not read']])
    expect(client.text()).toBe('one')
    // As the websocket says of itself, a moment later.
    host.terminals.leave(terminal, client.peer)
    host.pass(60_000)
    expect(host.terminals.count()).toBe(1)
    host.pass(1)
    expect([host.terminals.count(), program.told.ends]).toEqual([0, 1])
  })
})

test('a user has twenty terminals, and one more when one of them is over', async () => {
  await using host = await createHost()
  const opened = []
  for (let count = 0; count < 20; count++) opened.push(await host.open())
  await expect(host.open()).rejects.toMatchObject({ errorId: 938 })
  expect(host.programs).toHaveLength(20)
  opened[0]?.program.exit(0)
  await eventually(async () => host.terminals.count() === 19)
  await host.open()
  expect(host.audited().filter(([action]) => action === 'droplet.exec')).toHaveLength(21)
})

test('a client that is done ends its terminal, and one that was taken over does not', async () => {
  await using host = await createHost()
  const { terminal, client, program } = await host.open()
  const next = createPeer()
  host.terminals.attach(terminal, next.peer, true)
  host.terminals.finish(terminal, client.peer)
  expect([program.told.ends, host.terminals.count()]).toEqual([0, 1])
  host.terminals.finish(terminal, next.peer)
  expect([program.told.ends, host.terminals.count()]).toEqual([1, 0])
})

describe('with the end of the server', () => {
  test('all terminals are over, and are no interrupted work', async () => {
    await using host = await createHost()
    const opened = [await host.open(), await host.open('cikit02')]
    await host.terminals.close()
    for (const { client, program } of opened) {
      expect([client.closed, program.told.ends]).toEqual([[[1001, 'The server stops']], 1])
    }
    expect(host.terminals.count()).toBe(0)
    await eventually(async () => host.audited().length === 4)
    expect(host.audited().map(([action, result]) => [action, result])).toEqual([
      ['droplet.exec', 'ok'],
      ['droplet.exec', 'ok'],
      ['droplet.exec.end', 'ok'],
      ['droplet.exec.end', 'ok'],
    ])
  })

  test('one that is opened meanwhile is over at once', async () => {
    await using host = await createHost()
    await host.terminals.close()
    const { client, program } = await host.open()
    expect(client.closed).toEqual([[1000, 'The program has ended']])
    expect([program.told.ends, host.terminals.count()]).toEqual([1, 0])
  })
})
