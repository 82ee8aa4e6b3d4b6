import './droplets.css'
import { Age } from '../parts/age.tsx'
import { Loading } from '../parts/states.tsx'
import { droplets } from '../state/matrix.ts'
import { to } from '../state/router.ts'

export function Droplets(_: { parts: readonly string[] }) {
  return (
    <>
      <h1>Droplets</h1>
      {droplets.value ? (
        <ul>
          {droplets.value.map(({ id, name, state, created_at }) => (
            <li key={id}>
              <a href={to('droplet', name)}>{name}</a> {state} <Age since={created_at} />
            </li>
          ))}
        </ul>
      ) : (
        <Loading what="the droplets" />
      )}
    </>
  )
}
