import './stats.css'
import { useComputed } from '@preact/signals'
import { type Point, pointsOf } from '../state/stats.ts'
import { formatBytes, formatPercent, linePath } from './format.ts'

const WIDTH = 72
const HEIGHT = 20
/** The minimum width of the time axis, so that the first points do not form a steep line. */
const MIN_RANGE_MS = 120_000
const MAX_GAP_MS = 25_000

const metrics = {
  cpu: { title: 'CPU', getValue: ({ cpu }: Point) => cpu, minTop: 0.1, format: formatPercent },
  memory: { title: 'Memory', getValue: ({ memory }: Point) => memory, minTop: 1, format: formatBytes },
} as const

/** A small chart with the current value. Signals update them without re-rendering the page. */
export function Sparkline({ name, metric }: { name: string; metric: keyof typeof metrics }) {
  const { title, getValue, minTop, format } = metrics[metric]
  const path = useComputed(() => {
    const points = pointsOf(name).value
    const to = points.at(-1)?.timestamp ?? 0
    const from = Math.min(points[0]?.timestamp ?? 0, to - MIN_RANGE_MS)
    // Leaves 20% of space above the peak.
    const top = Math.max(minTop, ...points.map(getValue)) * 1.2
    const frame = { width: WIDTH, height: HEIGHT, from, to, top }
    return linePath(
      points.map(point => [point.timestamp, getValue(point)]),
      frame,
      MAX_GAP_MS,
    )
  })
  const text = useComputed(() => {
    const latest = pointsOf(name).value.at(-1)
    return latest ? format(getValue(latest)) : '–'
  })
  return (
    <span class={`sparkline ${metric}`} title={title}>
      <svg viewBox={`0 -1 ${WIDTH} ${HEIGHT + 2}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
        <path d={path} />
      </svg>
      <span class="visually-hidden">{title} </span>
      <span class="number">{text}</span>
    </span>
  )
}
