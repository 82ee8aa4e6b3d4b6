import type { Actor } from '../../src/core/actor.ts'

/** Who does it in tests that are not about that. */
export const TEST_ACTOR: Actor = { user: 'somebody', address: '192.0.2.1', action: 'test' }
