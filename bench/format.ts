/** @param value milliseconds */
export function formatMs(value: number): string {
  if (value < 1) return `${(value * 1000).toFixed(0)} µs`
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`
}

export function formatMegabytes(value: number): string {
  return `${value.toFixed(0)} MB`
}

export function formatRate(value: number): string {
  return `${value.toFixed(0)}/s`
}

export function formatPercent(share: number): string {
  return `${(share * 100).toFixed(0)}%`
}

export function formatRatio(ratio: number): string {
  return `${ratio.toFixed(ratio < 2 ? 3 : 1)} times`
}
