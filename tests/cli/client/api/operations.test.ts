import { describe, expect, test } from 'bun:test'
import { ConnectionLostError } from '../../../../cli/client/api/api-client.ts'
import { requestChange, requireDone, waitForOperation } from '../../../../cli/client/api/operations.ts'
import { ClientError } from '../../../../src/core/errors.ts'
import type { OperationBody } from '../../../../src/droplets/operations/schema.ts'
import { doneBody, operationBody } from '../../../testkit/droplets/operation-body.ts'
import { createFakeTiming } from '../../../testkit/fake-timing.ts'

const lost = () => new ConnectionLostError('the connection broke')
const away = () => new ClientError('unreachable', 'connection refused')

/** Answers one after another; an error is thrown, and the last one stays. */
function createResponder<T>(...answers: (T | Error)[]) {
  const asked: unknown[][] = []
  const ask = async (...words: unknown[]): Promise<T> => {
    asked.push(words)
    const [answer] = answers.length > 1 ? answers.splice(0, 1) : answers
    if (answer === undefined || answer instanceof Error) throw answer
    return answer
  }
  return { ask, asked }
}

describe('asking for a change', () => {
  test('says that it does not wait, under a key of its own', async () => {
    const { ask, asked } = createResponder(operationBody())
    expect(await requestChange(ask, createFakeTiming())).toEqual(operationBody())
    await requestChange(ask, createFakeTiming())
    const headers = { prefer: 'respond-async', 'idempotency-key': expect.stringMatching(/^[0-9a-f-]{36}$/) }
    expect(asked).toEqual([[headers], [headers]])
    expect(asked[0]).not.toEqual(asked[1])
  })

  test('is done again with the same key when the connection broke, also while the server is away', async () => {
    const { ask, asked } = createResponder<OperationBody>(lost(), away(), lost(), operationBody())
    expect(await requestChange(ask, createFakeTiming())).toEqual(operationBody())
    expect(asked).toHaveLength(4)
    expect(new Set(asked.map(words => JSON.stringify(words))).size).toBe(1)
  })

  test('is given up after 10 seconds, and then it says that something may have begun', async () => {
    const timing = createFakeTiming()
    const { ask, asked } = createResponder<OperationBody>(lost())
    const error = await requestChange(ask, timing).catch(error => error)
    expect(error).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/may have started: see .*operation ls/),
    })
    expect(timing.sleeps).toEqual([250, 500, 1000, 2000, 2000, 2000, 2000])
    expect(asked).toHaveLength(8)
  })

  test('is given up at once when the server was not there, or refuses', async () => {
    for (const error of [away(), new ClientError('refused', 'no'), new ClientError('notLoggedIn', 'no')]) {
      const { ask, asked } = createResponder<OperationBody>(error)
      expect(await requestChange(ask, createFakeTiming()).catch(error => error)).toBe(error)
      expect(asked).toHaveLength(1)
    }
  })

  test('a refusal after a connection that broke is the answer', async () => {
    const refused = new ClientError('refused', 'no')
    const { ask } = createResponder<OperationBody>(lost(), refused)
    expect(await requestChange(ask, createFakeTiming()).catch(error => error)).toBe(refused)
  })

  test('an answer that is no operation is refused', async () => {
    const { ask } = createResponder<unknown>([])
    await expect(requestChange(ask, createFakeTiming())).rejects.toThrow(/does not support operations/)
  })
})

describe('following an operation', () => {
  const follow = async (timing: ReturnType<typeof createFakeTiming>, ...answers: (OperationBody | Error)[]) => {
    const told: (string | undefined)[] = []
    const { ask, asked } = createResponder(...answers)
    const outcome = await waitForOperation(ask, current => told.push(current?.state), timing).catch(error => error)
    return { outcome, told, asked: asked.length }
  }

  test('tells each answer, until its end', async () => {
    const answers = [operationBody({ state: 'queued' }), operationBody(), doneBody()]
    expect(await follow(createFakeTiming(), ...answers)).toEqual({
      outcome: doneBody(),
      told: ['queued', 'running', 'done'],
      asked: 3,
    })
  })

  test('a server that is away for less than 30 seconds is waited for, as often as it goes', async () => {
    const timing = createFakeTiming()
    const gone = Array.from({ length: 55 }, away)
    const { outcome, told } = await follow(timing, operationBody(), ...gone, operationBody(), ...gone, doneBody())
    expect(outcome).toEqual(doneBody())
    expect(told.filter(state => state === undefined)).toHaveLength(110)
  })

  test('one that is away for longer is given up', async () => {
    const timing = createFakeTiming()
    const { outcome } = await follow(timing, operationBody(), away())
    expect(outcome).toMatchObject({ kind: 'unreachable' })
    expect(timing.now()).toBe(30_500)
  })

  test('what an answer took that never came is time that it was away', async () => {
    const timing = createFakeTiming()
    const timedOut = async () => {
      timing.advance(20_000)
      throw away()
    }
    expect(await waitForOperation(timedOut, () => undefined, timing).catch(error => error)).toEqual(away())
    expect(timing.now()).toBe(40_500)
  })

  test('a refusal ends it at once', async () => {
    const refused = new ClientError('refused', 'There is no such operation')
    expect(await follow(createFakeTiming(), operationBody(), refused)).toMatchObject({ outcome: refused, asked: 2 })
  })

  test('a server that answers at once is not asked without a pause', async () => {
    const timing = createFakeTiming()
    await follow(timing, ...Array.from({ length: 10 }, () => operationBody()), doneBody())
    expect(timing.now()).toBeGreaterThanOrEqual(5_000)
  })

  test('one that takes its time is asked again with less of a pause, or none', async () => {
    const timing = createFakeTiming()
    const waits = [200, 1_000, 0]
    const show = async () => {
      timing.advance(waits.shift() ?? 0)
      return waits.length > 0 ? operationBody() : doneBody()
    }
    await waitForOperation(show, () => undefined, timing)
    expect(timing.sleeps).toEqual([300, 0])
  })
})

test('what was not done is refused in the words of the server, as one line', () => {
  expect(() => requireDone(doneBody())).not.toThrow()
  const failed = doneBody({ state: 'failed', error: { error: 'No\nway\u009b2J', errorId: 924 } })
  expect(() => requireDone(failed)).toThrow(new ClientError('refused', 'No\\nway\\u009b2J'))
  expect(() => requireDone(doneBody({ state: 'cancelled' }))).toThrow(/was cancelled/)
})
