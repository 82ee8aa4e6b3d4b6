import type { OperationBody } from '../../../droplets/operations/schema.ts'
import { Age } from '../components/age.tsx'

/** What was done, newest first. */
export function ActivityList({ operations }: { operations: readonly OperationBody[] }) {
  return (
    <section class="history">
      <h2>What was done to it</h2>
      <ul>
        {operations.map(({ id, kind, user, state, created_at, started_at, ended_at, error }) => (
          <li key={id}>
            <span class="what">{kind}</span> <span class={`state-word ${state}`}>{state}</span>{' '}
            <span class="soft">
              by <bdi>{user}</bdi>, <Age since={created_at} withSuffix />
              {started_at && ended_at && `, took ${secondsBetween(started_at, ended_at)} s`}
            </span>
            {error && <span class="why">{error.error}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}

function secondsBetween(from: string, to: string): string {
  return ((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)
}
