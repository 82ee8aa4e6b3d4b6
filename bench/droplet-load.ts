import { readFileSync, writeFileSync } from 'node:fs'
import { engineApi } from '../scripts/lib/engine-api.ts'
import type { TestEngine } from '../tests/testkit/e2e/engines.ts'
import type { ListedDroplet, ServerProcess } from '../tests/testkit/e2e/server-process.ts'
import { waitUntil } from '../tests/testkit/wait-until.ts'

/** Each container's shim uses an inotify instance; the usual limit of 128 is too low for 99 containers. */
const INOTIFY_INSTANCES = 1_024
const inotifyLimitFile = '/proc/sys/fs/inotify/max_user_instances'

/** Adds droplets or removes the newest ones until there are `count`. @returns the list */
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
  // The list learns of direct removals by the engine's events.
  await waitUntil(
    async () => {
      droplets = await server.callDroplets('GET', 'list', token)
      return droplets.length <= count
    },
    { timeoutMs: 30_000, what: `the list to shrink to ${count} droplets` },
  )
  while (droplets.length < count) droplets = await server.callDroplets('POST', 'add', token)
  return droplets
}
