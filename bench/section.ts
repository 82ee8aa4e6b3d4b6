import type { TestEngine } from '../tests/_support/e2e/engines.ts'

/** Measures one thing, ours and what it is compared with in turns. */
export type Section = (stage: Stage) => Promise<Figures>

/** What sections share. */
export interface Stage {
  /** The engine, started when it is first asked for; it keeps its containers from section to section. */
  engine: () => Promise<TestEngine>
}

export interface Figures {
  verdicts: Verdict[]
  tables: Table[]
}

/** What was to be reached, and whether it was. */
export interface Verdict {
  what: string
  reach: string
  measured: string
  met: boolean
}

export interface Table {
  /** How it was measured. */
  about: string
  head: string[]
  rows: string[][]
}
