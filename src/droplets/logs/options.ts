export const DEFAULT_LINES = 100
export const sources = ['journal', 'console'] as const

export interface LogOptions {
  source: (typeof sources)[number]
  /** Number of last lines. */
  lines: number
  /** Whether to keep sending new lines. */
  follow: boolean
}
