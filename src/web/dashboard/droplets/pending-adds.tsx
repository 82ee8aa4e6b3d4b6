import { droplets, unfinishedOperations } from '../state/store.ts'
import { OperationProgress } from './operation-progress.tsx'

/** The adds whose droplet is not in the list yet. */
export function PendingAdds() {
  const listedNames = new Set(droplets.value?.map(({ name }) => name))
  const pendingAdds = [...unfinishedOperations.value.values()].filter(
    ({ kind, droplet }) => kind === 'add' && !(droplet !== null && listedNames.has(droplet)),
  )
  if (pendingAdds.length === 0) return null
  return (
    <ul class="adds" aria-label="Droplets that are being added">
      {pendingAdds.map(operation => (
        <li key={operation.id}>
          <OperationProgress operation={operation} />
        </li>
      ))}
    </ul>
  )
}
