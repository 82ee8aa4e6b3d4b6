import { setDefaultTimeout } from 'bun:test'

// A limit for what hangs, not a measure: a true droplet boots in seconds, and on a busy machine in many.
setDefaultTimeout(120_000)
