import type { FakeEngine } from '../../tests/_support/fake-engine.ts'
import { exchange, type Target } from './exchange.ts'

/** Three droplets from their beginning to their end, at the same time; now and then the engine refuses one. */
export async function liveDroplets(target: Target, owner: string, engine: FakeEngine): Promise<void> {
  const change = (kind: string, method: string, path: string, expected = [200]) =>
    exchange(target, { kind: `droplet ${kind}`, method, path: `/droplet/${path}`, token: owner, expected })

  await Promise.all([1, 2, 3].map(() => change('add', 'POST', 'add')))
  const droplets = (await change('list', 'GET', 'list')) as { name: string }[] | undefined
  const names = (droplets ?? []).map(({ name }) => name)
  for (const kind of ['stop', 'start', 'restart']) {
    await Promise.all(names.map(name => change(kind, 'PATCH', `${kind}/${name}`)))
  }
  if (Math.random() < 0.2) {
    engine.answerNext(/^POST \/containers\/create/, () => Response.json({ message: 'no space left' }, { status: 500 }))
    await change('add that is refused', 'POST', 'add', [900])
  }
  await Promise.all(names.map(name => change('delete', 'DELETE', `delete/${name}`)))
}
