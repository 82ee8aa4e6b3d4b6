import type { OperationBody } from '../../../droplets/operations/schema.ts'
import { requestJson } from '../api/client.ts'
import { Age } from '../components/age.tsx'
import { useResource } from '../state/resource.ts'
import { isUnfinished, operations } from '../state/store.ts'

/** The droplet's finished operations, newest first: loaded once, then updated by events. */
export function Activity({ name }: { name: string }) {
  const { data } = useResource(() =>
    requestJson<OperationBody[]>(`/operation/list?limit=20&droplet=${encodeURIComponent(name)}`),
  )
  const operationsById = new Map(data.value?.map(operation => [operation.id, operation]))
  for (const operation of operations.value) if (operation.droplet === name) operationsById.set(operation.id, operation)
  const finished = [...operationsById.values()].filter(operation => !isUnfinished(operation))
  if (finished.length === 0) return null
  finished.sort((left, right) => right.created_at.localeCompare(left.created_at))
  return (
    <section class="activity">
      <h2>Activity</h2>
      <ul>
        {finished.map(({ id, kind, user, state, created_at, started_at, ended_at, error }) => (
          <li key={id}>
            <span class="kind">{kind}</span> <span class={`operation-state ${state}`}>{state}</span>{' '}
            <span class="muted">
              by <bdi>{user}</bdi>, <Age since={created_at} withSuffix />
              {started_at && ended_at && `, took ${secondsBetween(started_at, ended_at)} s`}
            </span>
            {error && <span class="error">{error.error}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}

function secondsBetween(from: string, to: string): string {
  return ((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)
}
