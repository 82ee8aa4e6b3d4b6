import type { Actor } from '../../src/core/actor.ts'

/** The actor of tests in which the actor does not matter. */
export const TEST_ACTOR: Actor = { user: 'tester', address: '192.0.2.1', action: 'test' }
