import { afterAll, beforeAll, expect, test } from 'bun:test'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import type { ConnectionHandler } from '../testkit/docker/http-connection.ts'
import { neverResponds, trickles } from '../testkit/e2e/connection-faults.ts'
import { createEngineProxy } from '../testkit/e2e/engine-proxy.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { startServerProcess } from '../testkit/e2e/server-process.ts'
import { timed } from '../testkit/timed.ts'

// A change may take the engine a while, so its timeout is a minute. Both kinds of silence are tested concurrently.

let engine: TestEngine

const docker = (...args: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...args])

beforeAll(async () => {
  engine = await startEngine('host')
})
afterAll(async () => {
  await engine.removeContainers()
  await engine.stop()
})

test('an unanswered change fails with 918 after a minute, and everything else keeps working', async () => {
  await using trickling = await createSilentHost('drip', trickles)
  await using silent = await createSilentHost('mute', neverResponds)
  for (const responses of await Promise.all([trickling.waitForTimeouts(), silent.waitForTimeouts()])) {
    for (const { result, ms } of responses) {
      expect(result).toMatchObject({ status: 503, body: { errorId: 918 } })
      expect(ms).toBeGreaterThan(55_000)
      expect(ms).toBeLessThan(75_000)
    }
  }
  // One after the other, because both use the same ports.
  await trickling.repeatChanges()
  await silent.repeatChanges()
}, 120_000)

/** A server with a running and a stopped droplet, and an engine that does not answer changes. */
async function createSilentHost(prefix: string, fault: ConnectionHandler) {
  const proxy = createEngineProxy(engine.socket)
  const server = await startServerProcess({ socket: proxy.socket, flags: ['--image', SMALL_IMAGE, '--prefix', prefix] })
  const token = await server.logInAs('owner')
  // Created by hand and without ports, because both servers would use the same ones.
  const [running, stopped] = [`${prefix}01`, `${prefix}02`]
  await docker('run', '-d', '--name', running, SMALL_IMAGE)
  await docker('create', '--name', stopped, SMALL_IMAGE)
  const dropletStates = async () =>
    (await server.callDroplets('GET', 'list', token)).map(({ name, state }) => `${name} ${state}`).sort()
  const changeRequest = /^POST \S+\/containers\/\S*(create|start|stop)$/

  const receivedChanges = () =>
    proxy.requests.filter(({ method, path }) => changeRequest.test(`${method} ${path.split('?')[0]}`))

  return {
    /** Starts one change of each kind, and checks other requests while they hang. */
    async waitForTimeouts() {
      using _injected = proxy.injectFault(changeRequest, fault)
      proxy.requests.length = 0
      const pendingChanges = [
        timed(server.call('PATCH', `/droplet/stop/${running}`, token)),
        timed(server.call('PATCH', `/droplet/start/${stopped}`, token)),
        timed(server.call('POST', '/droplet/add', token)),
      ]
      const haveArrived = () => receivedChanges().length === pendingChanges.length
      expect(await pollUntil(5_000, haveArrived)).toBe(true)
      const concurrentList = await timed(dropletStates())
      expect(concurrentList.result).toEqual([`${running} running`, `${stopped} created`])
      expect(concurrentList.ms).toBeLessThan(3_000)
      expect(await server.call('GET', '/user/list', token)).toMatchObject({ status: 200 })
      return await Promise.all(pendingChanges)
    },
    /** Repeats the changes after the engine has recovered. */
    async repeatChanges() {
      await server.callDroplets('PATCH', `stop/${running}`, token)
      await server.callDroplets('PATCH', `start/${stopped}`, token)
      expect(await dropletStates()).toEqual([`${running} exited`, `${stopped} running`])
      const [added] = await server.callDroplets('POST', 'add', token)
      expect(added).toMatchObject({ state: 'running' })
      await server.callDroplets('DELETE', `delete/${added?.name}`, token)
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await proxy[Symbol.asyncDispose]()
    },
  }
}
