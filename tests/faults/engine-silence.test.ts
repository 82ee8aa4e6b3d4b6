import { afterAll, beforeAll, expect, test } from 'bun:test'
import { run, until } from '../../scripts/lib/run.ts'
import { type Disturbance, drips, neverAnswers } from '../_support/e2e/disturbances.ts'
import { createEngineProxy } from '../_support/e2e/engine-proxy.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { startMatrix } from '../_support/e2e/matrix.ts'
import { timed } from '../_support/timed.ts'

// A change may take the engine a while, so that its limit is a minute. Both kinds of silence are waited for at once.

let engine: TestEngine

const docker = (...words: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...words])

beforeAll(async () => {
  engine = await startEngine('host')
})
afterAll(async () => {
  await engine.clear()
  await engine.stop()
})

test('a change that the engine never answers is 918 after a minute, and all else goes on meanwhile', async () => {
  await using dripping = await createSilence('drip', drips)
  await using mute = await createSilence('mute', neverAnswers)
  for (const ended of await Promise.all([dripping.wait(), mute.wait()])) {
    for (const { answer, ms } of ended) {
      expect(answer).toMatchObject({ status: 503, body: { errorId: 918 } })
      expect(ms).toBeGreaterThan(55_000)
      expect(ms).toBeLessThan(75_000)
    }
  }
  // One after the other, since both would take the same ports.
  await dripping.change()
  await mute.change()
}, 120_000)

/** A host with one droplet that runs and one that does not, and an engine that says no word to a change of them. */
async function createSilence(prefix: string, silence: Disturbance) {
  const proxy = createEngineProxy(engine.socket)
  const matrix = await startMatrix({ socket: proxy.socket, flags: ['--image', SMALL_IMAGE, '--prefix', prefix] })
  const token = await matrix.signIn('owner')
  // Made by hand, without ports, which both hosts would want to have.
  const [running, stopped] = [`${prefix}01`, `${prefix}02`]
  await docker('run', '-d', '--name', running, SMALL_IMAGE)
  await docker('create', '--name', stopped, SMALL_IMAGE)
  const states = async () =>
    (await matrix.droplets('GET', 'list', token)).map(({ name, state }) => `${name} ${state}`).sort()
  const changes = /^POST \S+\/containers\/\S*(create|start|stop)$/

  const changesAsked = () =>
    proxy.requests.filter(({ method, path }) => changes.test(`${method} ${path.split('?')[0]}`))

  return {
    /** Begins one change of each kind, and looks around while they hang. */
    async wait() {
      using _disturbed = proxy.disturb(changes, silence)
      proxy.requests.length = 0
      const hanging = [
        timed(matrix.call('PATCH', `/droplet/stop/${running}`, token)),
        timed(matrix.call('PATCH', `/droplet/start/${stopped}`, token)),
        timed(matrix.call('POST', '/droplet/add', token)),
      ]
      const arrived = () => changesAsked().length === hanging.length
      expect(await until(5_000, arrived)).toBe(true)
      const meanwhile = await timed(states())
      expect(meanwhile.answer).toEqual([`${running} running`, `${stopped} created`])
      expect(meanwhile.ms).toBeLessThan(3_000)
      expect(await matrix.call('GET', '/user/list', token)).toMatchObject({ status: 200 })
      return await Promise.all(hanging)
    },
    /** The same changes, on an engine that answers again. */
    async change() {
      await matrix.droplets('PATCH', `stop/${running}`, token)
      await matrix.droplets('PATCH', `start/${stopped}`, token)
      expect(await states()).toEqual([`${running} exited`, `${stopped} running`])
      const [added] = await matrix.droplets('POST', 'add', token)
      expect(added).toMatchObject({ state: 'running' })
      await matrix.droplets('DELETE', `delete/${added?.name}`, token)
    },
    async [Symbol.asyncDispose]() {
      await matrix[Symbol.asyncDispose]()
      await proxy[Symbol.asyncDispose]()
    },
  }
}
