import { droplets, openOperations } from '../state/matrix.ts'
import { Progress } from './progress.tsx'

/** The adds whose droplet is not in the list yet. */
export function Adds() {
  const listed = new Set(droplets.value?.map(({ name }) => name))
  const adds = [...openOperations.value.values()].filter(
    ({ kind, droplet }) => kind === 'add' && !(droplet !== null && listed.has(droplet)),
  )
  if (adds.length === 0) return null
  return (
    <ul class="adds" aria-label="Droplets that are being added">
      {adds.map(operation => (
        <li key={operation.id}>
          <Progress operation={operation} />
        </li>
      ))}
    </ul>
  )
}
