import type { SampleBody } from '../../../droplets/stats/schema.ts'
import { linePath } from './format.ts'

const WIDTH = 360
const HEIGHT = 90
const HOUR_MS = 3_600_000
/** The minimum width of the time axis. */
const MIN_RANGE_MS = 300_000
/** The line is interrupted where samples are further apart. */
const MAX_GAP_MS = 25_000

/** A chart of one or two series over up to one hour, with the current and peak values as text. */
export function Chart({
  title,
  samples,
  format,
  minTop,
  series,
}: {
  title: string
  samples: readonly SampleBody[]
  format: (value: number) => string
  /** Minimum of the upper edge, so that noise does not fill the chart. */
  minTop: number
  series: Record<string, (sample: SampleBody) => number>
}) {
  const to = Date.parse(samples.at(-1)?.time ?? '')
  const entries = Object.entries(series)
  const maxValue = Math.max(minTop, ...entries.flatMap(([, getValue]) => samples.map(getValue)))
  const firstTime = Date.parse(samples[0]?.time ?? '')
  const from = Math.min(Math.max(firstTime, to - HOUR_MS), to - MIN_RANGE_MS)
  const frame = { width: WIDTH, height: HEIGHT, from, to, top: maxValue * 1.1 }
  const currentValues = entries.map(([name, getValue]) => {
    const latest = samples.at(-1)
    const current = latest ? format(getValue(latest)) : ''
    return entries.length === 1 ? current : `${name} ${current}`
  })
  const peak = format(Math.max(...entries.flatMap(([, getValue]) => samples.map(getValue))))
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        <span>
          {currentValues.join(', ')} <span class="muted">(peak {peak})</span>
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {entries.map(([name, getValue], index) => (
          <path
            key={name}
            class={index === 0 ? '' : 'second'}
            d={linePath(
              samples.map(sample => [Date.parse(sample.time), getValue(sample)]),
              frame,
              MAX_GAP_MS,
            )}
          />
        ))}
      </svg>
      <p class="axis muted">
        <span>{Math.round((to - from) / 60_000)} min ago</span>
        {entries.length > 1 && <span>{`— ${entries[0]?.[0]}   ┄ ${entries[1]?.[0]}`}</span>}
        <span>now</span>
      </p>
    </figure>
  )
}
