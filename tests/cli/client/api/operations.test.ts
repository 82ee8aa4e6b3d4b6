import { describe, expect, test } from 'bun:test'
import { ConnectionLostError } from '../../../../cli/client/api/api-client.ts'
import { requestChange, requireDone, waitForOperation } from '../../../../cli/client/api/operations.ts'
import { ClientError } from '../../../../src/core/errors.ts'
import type { OperationBody } from '../../../../src/droplets/operations/schema.ts'
import { doneBody, operationBody } from '../../../testkit/droplets/operation-body.ts'
import { createFakeTiming } from '../../../testkit/fake-timing.ts'

const lost = () => new ConnectionLostError('the connection broke')
const away = () => new ClientError('unreachable', 'connection refused')

/** Returns one response per request, or throws it if it is an error; the last one repeats. */
function createResponder<T>(...responses: (T | Error)[]) {
  const requests: unknown[][] = []
  const send = async (...args: unknown[]): Promise<T> => {
    requests.push(args)
    const [response] = responses.length > 1 ? responses.splice(0, 1) : responses
    if (response === undefined || response instanceof Error) throw response
    return response
  }
  return { send, requests }
}

describe('requesting a change', () => {
  test('sends `Prefer: respond-async` and an idempotency key', async () => {
    const { send, requests } = createResponder(operationBody())
    expect(await requestChange(send, createFakeTiming())).toEqual(operationBody())
    await requestChange(send, createFakeTiming())
    const headers = { prefer: 'respond-async', 'idempotency-key': expect.stringMatching(/^[0-9a-f-]{36}$/) }
    expect(requests).toEqual([[headers], [headers]])
    expect(requests[0]).not.toEqual(requests[1])
  })

  test('is repeated with the same key after a lost connection, even while the server is unreachable', async () => {
    const { send, requests } = createResponder<OperationBody>(lost(), away(), lost(), operationBody())
    expect(await requestChange(send, createFakeTiming())).toEqual(operationBody())
    expect(requests).toHaveLength(4)
    expect(new Set(requests.map(request => JSON.stringify(request))).size).toBe(1)
  })

  test('gives up after 10 seconds and says that the operation may have started', async () => {
    const timing = createFakeTiming()
    const { send, requests } = createResponder<OperationBody>(lost())
    const error = await requestChange(send, timing).catch(error => error)
    expect(error).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/may have started: see .*operation ls/),
    })
    expect(timing.sleeps).toEqual([250, 500, 1000, 2000, 2000, 2000, 2000])
    expect(requests).toHaveLength(8)
  })

  test('fails at once if the server was unreachable or rejects it', async () => {
    for (const error of [away(), new ClientError('refused', 'no'), new ClientError('notLoggedIn', 'no')]) {
      const { send, requests } = createResponder<OperationBody>(error)
      expect(await requestChange(send, createFakeTiming()).catch(error => error)).toBe(error)
      expect(requests).toHaveLength(1)
    }
  })

  test('throws a rejection that follows a lost connection', async () => {
    const rejection = new ClientError('refused', 'no')
    const { send } = createResponder<OperationBody>(lost(), rejection)
    expect(await requestChange(send, createFakeTiming()).catch(error => error)).toBe(rejection)
  })

  test('rejects a response that is not an operation', async () => {
    const { send } = createResponder<unknown>([])
    await expect(requestChange(send, createFakeTiming())).rejects.toThrow(/does not support operations/)
  })
})

describe('waiting for an operation', () => {
  const follow = async (timing: ReturnType<typeof createFakeTiming>, ...responses: (OperationBody | Error)[]) => {
    const states: (string | undefined)[] = []
    const { send, requests } = createResponder(...responses)
    const outcome = await waitForOperation(send, current => states.push(current?.state), timing).catch(error => error)
    return { outcome, states, requests: requests.length }
  }

  test('reports every response until the end', async () => {
    const responses = [operationBody({ state: 'queued' }), operationBody(), doneBody()]
    expect(await follow(createFakeTiming(), ...responses)).toEqual({
      outcome: doneBody(),
      states: ['queued', 'running', 'done'],
      requests: 3,
    })
  })

  test('waits for a server that is repeatedly unreachable for less than 30 seconds', async () => {
    const timing = createFakeTiming()
    const gone = Array.from({ length: 55 }, away)
    const { outcome, states } = await follow(timing, operationBody(), ...gone, operationBody(), ...gone, doneBody())
    expect(outcome).toEqual(doneBody())
    expect(states.filter(state => state === undefined)).toHaveLength(110)
  })

  test('gives up on one that is unreachable for longer', async () => {
    const timing = createFakeTiming()
    const { outcome } = await follow(timing, operationBody(), away())
    expect(outcome).toMatchObject({ kind: 'unreachable' })
    expect(timing.now()).toBe(30_500)
  })

  test('counts the time of an unanswered request as unreachable', async () => {
    const timing = createFakeTiming()
    const timedOut = async () => {
      timing.advance(20_000)
      throw away()
    }
    expect(await waitForOperation(timedOut, () => undefined, timing).catch(error => error)).toEqual(away())
    expect(timing.now()).toBe(40_500)
  })

  test('ends at once when the server rejects the request', async () => {
    const rejection = new ClientError('refused', 'There is no such operation')
    expect(await follow(createFakeTiming(), operationBody(), rejection)).toMatchObject({
      outcome: rejection,
      requests: 2,
    })
  })

  test('pauses between requests to a server that answers at once', async () => {
    const timing = createFakeTiming()
    await follow(timing, ...Array.from({ length: 10 }, () => operationBody()), doneBody())
    expect(timing.now()).toBeGreaterThanOrEqual(5_000)
  })

  test('shortens the pause for a server that takes its time', async () => {
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

test('requireDone throws the server’s error text on one line', () => {
  expect(() => requireDone(doneBody())).not.toThrow()
  const failed = doneBody({ state: 'failed', error: { error: 'No\nway\u009b2J', errorId: 924 } })
  expect(() => requireDone(failed)).toThrow(new ClientError('refused', 'No\\nway\\u009b2J'))
  expect(() => requireDone(doneBody({ state: 'cancelled' }))).toThrow(/was cancelled/)
})
