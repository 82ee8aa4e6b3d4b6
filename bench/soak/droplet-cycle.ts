import type { FakeDocker } from '../../tests/testkit/docker/fake-docker.ts'
import { errorResponse } from '../../tests/testkit/docker/replies.ts'
import { sendRequest, type Target } from './request.ts'

/** Adds, changes and deletes three droplets at the same time. Occasionally the engine rejects another add. */
export async function cycleDroplets(target: Target, ownerToken: string, engine: FakeDocker): Promise<void> {
  const sendChange = (kind: string, method: string, path: string, expectedOutcomes = [200]) =>
    sendRequest(target, {
      kind: `droplet ${kind}`,
      method,
      path: `/droplet/${path}`,
      token: ownerToken,
      expectedOutcomes,
    })

  await Promise.all([1, 2, 3].map(() => sendChange('add', 'POST', 'add')))
  const droplets = (await sendChange('list', 'GET', 'list')) as { name: string }[] | undefined
  const names = (droplets ?? []).map(({ name }) => name)
  for (const kind of ['stop', 'start', 'restart']) {
    await Promise.all(names.map(name => sendChange(kind, 'PATCH', `${kind}/${name}`)))
  }
  if (Math.random() < 0.2) {
    engine.respondNext(/^POST \/containers\/create/, () => errorResponse(500, 'no space left'))
    await sendChange('add, rejected by the engine', 'POST', 'add', [900])
  }
  await Promise.all(names.map(name => sendChange('delete', 'DELETE', `delete/${name}`)))
}
