import type { TestEngine } from '../tests/testkit/e2e/engines.ts'

/** Measures one subject, alternating between ours and the reference. */
export type MeasureSection = (context: BenchContext) => Promise<SectionResult>

/** Shared by all sections. */
export interface BenchContext {
  /** Started on first use. Its containers survive from section to section. */
  engine: () => Promise<TestEngine>
}

export interface SectionResult {
  verdicts: Verdict[]
  tables: Table[]
}

/** A target and whether it was met. */
interface Verdict {
  description: string
  target: string
  measured: string
  isMet: boolean
}

export interface Table {
  /** The method of measurement. */
  caption: string
  columns: string[]
  rows: string[][]
}
