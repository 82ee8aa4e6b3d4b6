import type { Answer, Matrix } from '../e2e/matrix.ts'
import { codeOf, type Doubt, type Life, newLife, type Pair, requestsOf, stepAt } from './life.ts'

const WORKERS = 8
/** Beyond so many users, those that are there are taken further before others are added. */
const CROWD = 24

/** An answer that no load of this kind may get. */
class UnexpectedAnswer extends Error {}

/** How long after an answer stayed out a server that was killed is gone. */
const DEATH_MS = 5_000

/**
 * Adds and deletes users, logs in, refreshes and revokes with eight callers at once until the server was killed in the
 * middle of it. What it answered is noted in `lives`.
 * @param killAfter acknowledgements after which it is killed; without, somebody else does that
 */
export async function loadUntilKilled(
  matrix: Matrix,
  owner: Pair,
  lives: Life[],
  killAfter = Number.POSITIVE_INFINITY,
): Promise<void> {
  const busy = new Set<Life>()
  let left = killAfter

  await Promise.all(Array.from({ length: WORKERS }, work))

  async function work(): Promise<void> {
    for (;;) {
      const life = take()
      try {
        await liveOn(life)
      } catch (error) {
        // Whoever waited for an answer when the server was killed has none, and that is what `doubt` says.
        if (error instanceof UnexpectedAnswer || !(await diesSoon())) throw error
        return
      } finally {
        busy.delete(life)
      }
    }
  }

  async function diesSoon(): Promise<boolean> {
    const patience = Bun.sleep(DEATH_MS).then(() => false)
    return await Promise.race([matrix.process.exited.then(() => true), patience])
  }

  function take(): Life {
    const idle = lives.filter(life => life.present && !life.doubt && !busy.has(life))
    const old = lives.length < CROWD ? undefined : idle[Math.floor(Math.random() * idle.length)]
    const life = old ?? newLife()
    if (!old) lives.push(life)
    busy.add(life)
    return life
  }

  /** One thing that this user can do next. */
  async function liveOn(life: Life): Promise<void> {
    const requests = requestsOf(matrix, life, owner)
    const { pair } = life
    if (!life.present) {
      await acknowledged('add', requests.add)
      life.present = true
    } else if (!life.secret) {
      life.secret = secretOf(await requests.setup())
    } else if (!pair && stepAt(Date.now()) > life.usedStep) {
      life.usedStep = stepAt(Date.now())
      const code = codeOf(life.secret, life.usedStep)
      life.pair = await acknowledged<Pair>('login', () => requests.login(code))
      life.codeUntried = true
    } else if (pair && Math.random() < 0.7) {
      life.pair = await acknowledged<Pair>('refresh', () => requests.refresh(pair))
      life.ended.push(pair.access_token)
    } else if (pair && Math.random() < 0.5) {
      await acknowledged('revoke', () => requests.revoke(pair))
      end(pair)
    } else {
      await acknowledged('delete', requests.remove)
      life.present = false
      if (pair) end(pair)
    }

    function end({ access_token }: Pair): void {
      life.ended.push(access_token)
      life.pair = undefined
    }

    /** A write is in doubt from the moment it is asked until it is answered. */
    async function acknowledged<T>(doubt: Doubt, ask: () => Promise<Answer>): Promise<T> {
      life.doubt = doubt
      const { status, body } = await ask()
      if (status !== 200) throw new UnexpectedAnswer(`${doubt} ${life.username}: ${status} ${JSON.stringify(body)}`)
      life.doubt = undefined
      left -= 1
      if (left === 0) matrix.process.kill('SIGKILL')
      return body as T
    }
  }
}

function secretOf({ status, body }: Answer): string {
  if (status !== 200) throw new UnexpectedAnswer(`setup: ${status} ${JSON.stringify(body)}`)
  return (body as { secret: string }).secret
}
