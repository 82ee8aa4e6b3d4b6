/** Numbers as the report writes them. */

/** @param value milliseconds */
export function ms(value: number): string {
  if (value < 1) return `${(value * 1000).toFixed(0)} µs`
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`
}

export function megabytes(value: number): string {
  return `${value.toFixed(0)} MB`
}

export function perSecond(value: number): string {
  return `${value.toFixed(0)}/s`
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(0)}%`
}

export function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 2 ? 3 : 1)} times`
}
