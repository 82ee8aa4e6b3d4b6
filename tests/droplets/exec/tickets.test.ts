import { describe, expect, test } from 'bun:test'
import { createTickets } from '../../../src/droplets/exec/tickets.ts'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { createManualClock } from '../../testkit/manual-clock.ts'

const unknown = expect.objectContaining({ errorId: 935 })

function createTestTickets() {
  const clock = createManualClock()
  const tickets = createTickets(size => crypto.getRandomValues(new Uint8Array(size)), clock.monotonic)
  const grant = (sessionId: string) => ({ sessionId, actor: TEST_ACTOR, droplet: 'cikit01' })
  return {
    clock,
    redeem: (ticket: string, droplet = 'cikit01') => tickets.redeem(ticket, droplet),
    issue: (sessionId = 'first') => tickets.issue(grant(sessionId)),
    grant,
  }
}

describe('a ticket', () => {
  test('is unique, has 64 hex digits, and returns its grant', () => {
    const { issue, redeem, grant } = createTestTickets()
    const [first, second] = [issue('first'), issue('second')]
    expect(first).toMatch(/^[0-9a-f]{64}$/)
    expect(second).not.toBe(first)
    expect(redeem(second)).toMatchObject(grant('second'))
    expect(redeem(first)).toMatchObject(grant('first'))
  })

  test('can be redeemed once', () => {
    const { issue, redeem } = createTestTickets()
    const ticket = issue()
    redeem(ticket)
    expect(() => redeem(ticket)).toThrow(unknown)
  })

  test('is for one droplet, and is used up when tried for another', () => {
    const { issue, redeem } = createTestTickets()
    const ticket = issue()
    expect(() => redeem(ticket, 'cikit02')).toThrow(unknown)
    expect(() => redeem(ticket)).toThrow(unknown)
  })

  test('expires after 30 seconds, whatever the system clock says', () => {
    const { clock, issue, redeem } = createTestTickets()
    const [soon, late] = [issue(), issue()]
    clock.adjust(3_600_000)
    clock.advance(29_999)
    redeem(soon)
    clock.advance(1)
    expect(() => redeem(late)).toThrow(unknown)
  })

  test.each(['', 'x', '0'.repeat(64)])('that was never issued is rejected: %p', ticket => {
    const { issue, redeem } = createTestTickets()
    issue()
    expect(() => redeem(ticket)).toThrow(unknown)
  })

  test('revokes the oldest of its session if it is the twenty-first', () => {
    const { issue, redeem } = createTestTickets()
    const others = issue('other')
    const own = Array.from({ length: 21 }, () => issue('own'))
    expect(() => redeem(own[0] ?? '')).toThrow(unknown)
    for (const ticket of [others, ...own.slice(1)]) redeem(ticket)
  })
})
