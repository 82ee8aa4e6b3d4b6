import { readFileSync, writeFileSync } from 'node:fs'
import { engineApi } from '../scripts/lib/engine-api.ts'
import type { TestEngine } from '../tests/testkit/e2e/engines.ts'
import type { ListedDroplet, ServerProcess } from '../tests/testkit/e2e/server-process.ts'

/** Every container's shim watches files; a host's usual 128 are soon used up. */
const INOTIFY_INSTANCES = 1_024
const inotifyLimitFile = '/proc/sys/fs/inotify/max_user_instances'

/** Adds droplets one after another, or removes the newest, until there are so many. @returns the list */
export async function setDropletCount(
  engine: TestEngine,
  server: ServerProcess,
  token: string,
  count: number,
): Promise<ListedDroplet[]> {
  if (Number(readFileSync(inotifyLimitFile, 'utf8')) < INOTIFY_INSTANCES) {
    writeFileSync(inotifyLimitFile, String(INOTIFY_INSTANCES))
  }
  let droplets = await server.callDroplets('GET', 'list', token)
  const surplusDroplets = droplets.slice(0, Math.max(0, droplets.length - count))
  await Promise.all(
    surplusDroplets.map(({ id }) => engineApi(engine.socket, 'DELETE', `/containers/${id}?force=1&v=1`)),
  )
  // The list hears of them by the engine's events.
  while (droplets.length > count) {
    await Bun.sleep(50)
    droplets = await server.callDroplets('GET', 'list', token)
  }
  while (droplets.length < count) droplets = await server.callDroplets('POST', 'add', token)
  return droplets
}
