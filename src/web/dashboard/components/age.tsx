import { clock } from '../state/clock.ts'

const units: [name: string, seconds: number][] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
]

const NOW = 'now'

/** How long ago something was, in one unit; the moment itself is told to who points there.
 * @param ago whether it stands in a sentence */
export function Age({ since, withSuffix = false }: { since: string; withSuffix?: boolean }) {
  const text = formatAge((clock.value - Date.parse(since)) / 1000)
  return (
    <time dateTime={since} title={new Date(since).toLocaleString()}>
      {withSuffix && text !== NOW ? `${text} ago` : text}
    </time>
  )
}

/** `5 min`, `3 h`, `12 d`. */
export function formatAge(seconds: number): string {
  for (const [name, size] of units) if (seconds >= size) return `${Math.floor(seconds / size)} ${name}`
  return seconds < 5 ? NOW : `${Math.floor(seconds)} s`
}
