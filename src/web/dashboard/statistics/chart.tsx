import type { SampleBody } from '../../../statistics/model.ts'
import { line } from './numbers.ts'

const WIDTH = 360
const HEIGHT = 90
const HOUR_MS = 3_600_000
/** So wide is the picture at least. */
const SHORTEST_MS = 300_000
const GAP_MS = 25_000

/** One or two lines over the last hour, as far as it is known, and in words what they are. */
export function Chart({
  title,
  samples,
  words,
  least,
  lines,
}: {
  title: string
  samples: readonly SampleBody[]
  words: (value: number) => string
  /** So much the upper edge is at least: noise is no mountain. */
  least: number
  lines: Record<string, (sample: SampleBody) => number>
}) {
  const to = Date.parse(samples.at(-1)?.time ?? '')
  const entries = Object.entries(lines)
  const highest = Math.max(least, ...entries.flatMap(([, of]) => samples.map(of)))
  const first = Date.parse(samples[0]?.time ?? '')
  const from = Math.min(Math.max(first, to - HOUR_MS), to - SHORTEST_MS)
  const frame = { width: WIDTH, height: HEIGHT, from, to, top: highest * 1.1 }
  const told = entries.map(([name, of]) => {
    const last = samples.at(-1)
    const now = last ? words(of(last)) : ''
    return entries.length === 1 ? now : `${name} ${now}`
  })
  const most = words(Math.max(...entries.flatMap(([, of]) => samples.map(of))))
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        <span>
          {told.join(', ')} <span class="soft">(at most {most})</span>
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {entries.map(([name, of], index) => (
          <path
            key={name}
            class={index === 0 ? '' : 'second'}
            d={line(
              samples.map(sample => [Date.parse(sample.time), of(sample)]),
              frame,
              GAP_MS,
            )}
          />
        ))}
      </svg>
      <p class="ends soft">
        <span>{Math.round((to - from) / 60_000)} min ago</span>
        {entries.length > 1 && <span>{`— ${entries[0]?.[0]}   ┄ ${entries[1]?.[0]}`}</span>}
        <span>now</span>
      </p>
    </figure>
  )
}
