import { clock } from '../state/clock.ts'

const units: [name: string, seconds: number][] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
]

const NOW = 'now'

/** Time since a date, in one unit; the date itself is in the tooltip. */
export function Age({ since, withSuffix = false }: { since: string; withSuffix?: boolean }) {
  const text = formatAge((clock.value - Date.parse(since)) / 1000)
  return (
    <time dateTime={since} title={new Date(since).toLocaleString()}>
      {withSuffix && text !== NOW ? `${text} ago` : text}
    </time>
  )
}

/** `5 min`, `3 h`, `12 d`. */
function formatAge(seconds: number): string {
  for (const [name, size] of units) if (seconds >= size) return `${Math.floor(seconds / size)} ${name}`
  return seconds < 5 ? NOW : `${Math.floor(seconds)} s`
}
