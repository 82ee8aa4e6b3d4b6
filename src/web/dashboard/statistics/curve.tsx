import './statistics.css'
import { useComputed } from '@preact/signals'
import { type Point, pointsOf } from '../state/statistics.ts'
import { bytes, line, percent } from './numbers.ts'

const WIDTH = 72
const HEIGHT = 20
/** Two minutes wide at least, so that a line does not begin as a wall. */
const NARROWEST_MS = 120_000
const GAP_MS = 25_000

const kinds = {
  cpu: { title: 'CPU', of: ({ cpu }: Point) => cpu, least: 0.1, words: percent },
  memory: { title: 'Memory', of: ({ memory }: Point) => memory, least: 1, words: bytes },
} as const

/** What a droplet uses, as a small curve with a number. Only the two change, not the page around them. */
export function Curve({ name, kind }: { name: string; kind: keyof typeof kinds }) {
  const { title, of, least, words } = kinds[kind]
  const path = useComputed(() => {
    const points = pointsOf(name).value
    const to = points.at(-1)?.at ?? 0
    const from = Math.min(points[0]?.at ?? 0, to - NARROWEST_MS)
    // A fifth of air above the highest.
    const top = Math.max(least, ...points.map(of)) * 1.2
    const frame = { width: WIDTH, height: HEIGHT, from, to, top }
    return line(
      points.map(point => [point.at, of(point)]),
      frame,
      GAP_MS,
    )
  })
  const text = useComputed(() => {
    const last = pointsOf(name).value.at(-1)
    return last ? words(of(last)) : '–'
  })
  return (
    <span class={`curve ${kind}`} title={title}>
      <svg viewBox={`0 -1 ${WIDTH} ${HEIGHT + 2}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
        <path d={path} />
      </svg>
      <span class="unseen">{title} </span>
      <span class="number">{text}</span>
    </span>
  )
}
