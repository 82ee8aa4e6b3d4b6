import { droplets, unfinishedOperations } from '../state/store.ts'
import { OperationProgress } from './operation-progress.tsx'

/** Add operations whose droplet is not in the list yet. */
export function PendingAdds() {
  const listedNames = new Set(droplets.value?.map(({ name }) => name))
  const pendingAdds = [...unfinishedOperations.value.values()].filter(
    ({ kind, droplet }) => kind === 'add' && !(droplet !== null && listedNames.has(droplet)),
  )
  if (pendingAdds.length === 0) return null
  return (
    <ul class="pending-adds" aria-label="Droplets being added">
      {pendingAdds.map(operation => (
        <li key={operation.id}>
          <OperationProgress operation={operation} />
        </li>
      ))}
    </ul>
  )
}
