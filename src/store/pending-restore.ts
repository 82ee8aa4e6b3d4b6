import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { OperatorError } from '../errors.ts'
import { syncDirectory } from './key-file.ts'

// A restore is made ready in a directory of its own inside the data directory. One renaming makes it count; whatever is
// left to be done then is done by whoever takes the data directory next, however often that is killed.

/** Being made; counts for nothing. */
const DRAFT = 'restore-draft'
/** Counts. What is in its way is put aside. */
const READY = 'restore-ready'
/** Nothing is in its way any more. */
const PLACING = 'restore-placing'
/** Says where the rest goes. The last that is removed. */
const PLAN = 'restore.json'
const CREDENTIALS = 'credentials'

/** What there is one of in a data directory, the database last. */
const replaced = ['audit.key', 'sealing.key', 'cikit-api.db']
/** What belongs to those, and must not stay beside others. */
const belonging = ['cikit-api.db-wal', 'cikit-api.db-shm', 'cikit-api.db-journal', 'sealing.key.new']

export interface RestorePlan {
  /** Where the droplets' SSH keys belong. Absolute path. */
  credentialsDir: string
  /** The name, in the data directory, of the directory for what was there before. */
  aside: string
}

/** An empty directory (0700) to be filled with `cikit-api.db`, the keys, and `credentials/`. For who holds the serve lock. */
export function openRestoreDraft(dataDir: string): string {
  const draft = join(dataDir, DRAFT)
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(join(draft, CREDENTIALS), { recursive: true, mode: 0o700 })
  chmodSync(draft, 0o700)
  return draft
}

export function dropRestoreDraft(dataDir: string): void {
  rmSync(join(dataDir, DRAFT), { recursive: true, force: true })
}

/** From here on the draft is what counts. */
export function commitRestore(dataDir: string, plan: RestorePlan): void {
  const draft = join(dataDir, DRAFT)
  writeFileSync(join(draft, PLAN), JSON.stringify(plan), { mode: 0o600, flush: true })
  syncDirectory(join(draft, CREDENTIALS))
  syncDirectory(draft)
  renameSync(draft, join(dataDir, READY))
  syncDirectory(dataDir)
}

/** Whether a restore counts that is not finished. */
export function isRestorePending(dataDir: string): boolean {
  return [READY, PLACING].some(name => existsSync(join(dataDir, name)))
}

/**
 * Does what is left of a restore that counts, and forgets one that does not. For who holds the serve lock.
 * @throws OperatorError when it cannot be done; then it is to be tried again
 */
export function finishRestore(dataDir: string): void {
  dropRestoreDraft(dataDir)
  if (!isRestorePending(dataDir)) return
  try {
    if (existsSync(join(dataDir, READY))) putAside(dataDir)
    place(dataDir)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError(
      `A restore into ${dataDir} is not finished (${reason}): make room or mend that, then start the same command again`,
      { cause },
    )
  }
}

function putAside(dataDir: string): void {
  const { aside } = readPlan(join(dataDir, READY))
  const present = [...belonging, ...replaced].filter(name => existsSync(join(dataDir, name)))
  if (present.length > 0) mkdirSync(join(dataDir, aside), { recursive: true, mode: 0o700 })
  for (const name of present) renameSync(join(dataDir, name), join(dataDir, aside, name))
  if (present.length > 0) syncDirectory(join(dataDir, aside))
  syncDirectory(dataDir)
  renameSync(join(dataDir, READY), join(dataDir, PLACING))
  syncDirectory(dataDir)
}

function place(dataDir: string): void {
  const placing = join(dataDir, PLACING)
  // Without its plan there is nothing left to be done but to remove it.
  if (existsSync(join(placing, PLAN))) {
    placeCredentials(join(placing, CREDENTIALS), readPlan(placing).credentialsDir)
    for (const name of replaced) {
      if (existsSync(join(placing, name))) renameSync(join(placing, name), join(dataDir, name))
    }
    syncDirectory(dataDir)
    rmSync(join(placing, CREDENTIALS), { recursive: true, force: true })
    rmSync(join(placing, PLAN))
  }
  rmSync(placing, { recursive: true, force: true })
}

/** The droplets are on the engine, and not in the backup: a pair that lies there already is the one that fits. */
function placeCredentials(from: string, to: string): void {
  if (!existsSync(from)) return
  for (const droplet of readdirSync(from)) {
    const folder = join(to, droplet)
    const privateKey = join(folder, `${droplet}.private.key`)
    if (existsSync(privateKey)) continue
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
    // The private key last: with it the pair is there.
    const names = readdirSync(join(from, droplet)).toSorted().reverse()
    for (const name of names) placeFile(join(from, droplet, name), join(folder, name))
  }
}

/** Copied, since it may be another disk. */
function placeFile(from: string, to: string): void {
  const draft = `${to}.new`
  rmSync(draft, { force: true })
  copyFileSync(from, draft)
  chmodSync(draft, to.endsWith('.private.key') ? 0o400 : 0o600)
  renameSync(draft, to)
  syncDirectory(dirname(to))
}

function readPlan(directory: string): RestorePlan {
  const plan: Partial<RestorePlan> = JSON.parse(readFileSync(join(directory, PLAN), 'utf8'))
  const { credentialsDir, aside } = plan
  if (typeof credentialsDir !== 'string' || !/^before-restore-[\w.-]+$/.test(aside ?? ''))
    throw new Error('its plan is damaged')
  return { credentialsDir, aside: aside ?? '' }
}
