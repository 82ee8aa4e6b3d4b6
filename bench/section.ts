import type { TestEngine } from '../tests/testkit/e2e/engines.ts'

/** Measures one thing, ours and what it is compared with in turns. */
export type MeasureSection = (context: BenchContext) => Promise<SectionResult>

/** What sections share. */
export interface BenchContext {
  /** The engine, started when it is first asked for; it keeps its containers from section to section. */
  engine: () => Promise<TestEngine>
}

export interface SectionResult {
  verdicts: Verdict[]
  tables: Table[]
}

/** What was to be reached, and whether it was. */
export interface Verdict {
  description: string
  target: string
  measured: string
  isMet: boolean
}

export interface Table {
  /** How it was measured. */
  caption: string
  columns: string[]
  rows: string[][]
}
