/** @returns percent of one core */
export function formatPercent(cores: number): string {
  const value = cores * 100
  return `${value < 10 && value > 0 ? value.toFixed(1) : Math.round(value)}%`
}

const units = ['B', 'KB', 'MB', 'GB', 'TB'] as const

/** Units are powers of 1024. */
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
  /** Times of the left and right edge, in milliseconds since 1970. */
  from: number
  to: number
  /** Value of the upper edge. */
  top: number
}

/** @returns the `d` of an SVG path through the points, interrupted where they are more than `maxGapMs` apart */
export function linePath(
  points: readonly (readonly [timestamp: number, value: number])[],
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
