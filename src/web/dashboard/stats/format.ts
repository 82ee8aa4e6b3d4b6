/** Of one core. */
export function formatPercent(cores: number): string {
  const value = cores * 100
  return `${value < 10 && value > 0 ? value.toFixed(1) : Math.round(value)}%`
}

const units = ['B', 'KB', 'MB', 'GB', 'TB'] as const

/** Bytes as people say them, of 1024 each. */
export function formatBytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

export interface ChartFrame {
  width: number
  height: number
  /** What the left and the right edge are, in milliseconds since 1970. */
  from: number
  to: number
  /** What the upper edge is. */
  top: number
}

/** A line through points, as the `d` of an SVG path; a gap where nothing was measured for longer than `gap`. */
export function linePath(
  points: readonly (readonly [at: number, value: number])[],
  frame: ChartFrame,
  maxGapMs: number,
): string {
  const { width, height, from, to, top } = frame
  let previous = Number.NEGATIVE_INFINITY
  return points
    .map(([timestamp, value]) => {
      const x = ((timestamp - from) / Math.max(to - from, 1)) * width
      const y = height - (Math.min(value, top) / (top || 1)) * height
      const isFirst = timestamp - previous > maxGapMs
      previous = timestamp
      return `${isFirst ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`
    })
    .join('')
}
