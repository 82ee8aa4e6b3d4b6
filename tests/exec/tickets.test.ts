import { describe, expect, test } from 'bun:test'
import { createTickets } from '../../src/exec/tickets.ts'
import { ACT } from '../_support/act.ts'
import { createClock } from '../_support/clock.ts'

const unknown = expect.objectContaining({ errorId: 935 })

function createTestTickets() {
  const clock = createClock()
  const tickets = createTickets(size => crypto.getRandomValues(new Uint8Array(size)), clock.monotonic)
  const admission = (sessionId: string) => ({ sessionId, act: ACT, droplet: 'cikit01' })
  return {
    clock,
    redeem: (ticket: string, droplet = 'cikit01') => tickets.redeem(ticket, droplet),
    issue: (sessionId = 'first') => tickets.issue(admission(sessionId)),
    admission,
  }
}

describe('a ticket', () => {
  test('is 64 hex digits, another one each time, and admits whom it was made out for', () => {
    const { issue, redeem, admission } = createTestTickets()
    const [first, second] = [issue('first'), issue('second')]
    expect(first).toMatch(/^[0-9a-f]{64}$/)
    expect(second).not.toBe(first)
    expect(redeem(second)).toMatchObject(admission('second'))
    expect(redeem(first)).toMatchObject(admission('first'))
  })

  test('counts once', () => {
    const { issue, redeem } = createTestTickets()
    const ticket = issue()
    redeem(ticket)
    expect(() => redeem(ticket)).toThrow(unknown)
  })

  test('is for one droplet, and used when it is tried at another', () => {
    const { issue, redeem } = createTestTickets()
    const ticket = issue()
    expect(() => redeem(ticket, 'cikit02')).toThrow(unknown)
    expect(() => redeem(ticket)).toThrow(unknown)
  })

  test('counts for half a minute, whatever the clock is set to', () => {
    const { clock, issue, redeem } = createTestTickets()
    const [soon, late] = [issue(), issue()]
    clock.set(3_600_000)
    clock.move(29_999)
    redeem(soon)
    clock.move(1)
    expect(() => redeem(late)).toThrow(unknown)
  })

  test.each(['', 'x', '0'.repeat(64)])('that was never issued is none: %p', ticket => {
    const { issue, redeem } = createTestTickets()
    issue()
    expect(() => redeem(ticket)).toThrow(unknown)
  })

  test('that is the twenty-first of its session takes the place of the oldest, and of no other session’s', () => {
    const { issue, redeem } = createTestTickets()
    const others = issue('other')
    const own = Array.from({ length: 21 }, () => issue('own'))
    expect(() => redeem(own[0] ?? '')).toThrow(unknown)
    for (const ticket of [others, ...own.slice(1)]) redeem(ticket)
  })
})
