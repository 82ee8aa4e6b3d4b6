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
import { CREDENTIALS_DIR as CREDENTIALS } from '../config/config.ts'
import { errorMessage } from '../core/error-message.ts'
import { OperatorError } from '../core/errors.ts'
import {
  AUDIT_KEY_FILE,
  DATABASE_FILE,
  DATABASE_SIDECARS,
  RESTORE_DRAFT_DIR as DRAFT,
  ENCRYPTION_KEY_FILE,
  isAsideName,
  NEXT_KEY_SUFFIX,
  RESTORE_PLACING_DIR as PLACING,
  RESTORE_PLAN_FILE as PLAN,
  RESTORE_READY_DIR as READY,
} from './files.ts'
import { fsyncDirectory } from './key-file.ts'

// A restore is prepared in a draft directory inside the data directory. Renaming it to "ready" commits the restore. The
// current data is then moved aside, the directory is renamed to "placing", and its files are moved into place. If that is
// interrupted, the next process that takes the serve lock continues. The plan contains the targets of the files and is removed last.

/** The order matters: the database comes last. */
const DATA_FILES = [AUDIT_KEY_FILE, ENCRYPTION_KEY_FILE, DATABASE_FILE]
/** Files that belong to the data files and must be moved aside with them. */
const SIDECAR_FILES = [...DATABASE_SIDECARS, ENCRYPTION_KEY_FILE + NEXT_KEY_SUFFIX]

interface RestorePlan {
  /** Target of the droplets' SSH keys. Absolute path. */
  credentialsDir: string
  /** Name of the directory, inside the data directory, for the replaced data. */
  aside: string
}

/** An empty directory (0700) for the database, the keys and `credentials/`. The caller holds the serve lock. */
export function createRestoreDraft(dataDir: string): string {
  const draft = join(dataDir, DRAFT)
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(join(draft, CREDENTIALS), { recursive: true, mode: 0o700 })
  chmodSync(draft, 0o700)
  return draft
}

export function discardRestoreDraft(dataDir: string): void {
  rmSync(join(dataDir, DRAFT), { recursive: true, force: true })
}

/** Commits the restore: from here on, the draft replaces the current data. */
export function commitRestore(dataDir: string, plan: RestorePlan): void {
  const draft = join(dataDir, DRAFT)
  writeFileSync(join(draft, PLAN), JSON.stringify(plan), { mode: 0o600, flush: true })
  fsyncDirectory(join(draft, CREDENTIALS))
  fsyncDirectory(draft)
  renameSync(draft, join(dataDir, READY))
  fsyncDirectory(dataDir)
}

/** Whether there is a committed restore that is not finished. */
export function isRestorePending(dataDir: string): boolean {
  return [READY, PLACING].some(name => existsSync(join(dataDir, name)))
}

/**
 * Finishes a committed restore and discards an uncommitted one. The caller holds the serve lock.
 * @throws OperatorError when that fails; it can be retried
 */
export function finishRestore(dataDir: string): void {
  discardRestoreDraft(dataDir)
  if (!isRestorePending(dataDir)) return
  try {
    if (existsSync(join(dataDir, READY))) moveCurrentAside(dataDir)
    installDraft(dataDir)
  } catch (cause) {
    const reason = errorMessage(cause)
    throw new OperatorError(
      `A restore into ${dataDir} is not finished (${reason}): fix that, then run the same command again`,
      { cause },
    )
  }
}

function moveCurrentAside(dataDir: string): void {
  const { aside } = readPlan(join(dataDir, READY))
  const existing = [...SIDECAR_FILES, ...DATA_FILES].filter(name => existsSync(join(dataDir, name)))
  if (existing.length > 0) mkdirSync(join(dataDir, aside), { recursive: true, mode: 0o700 })
  for (const name of existing) renameSync(join(dataDir, name), join(dataDir, aside, name))
  if (existing.length > 0) fsyncDirectory(join(dataDir, aside))
  fsyncDirectory(dataDir)
  renameSync(join(dataDir, READY), join(dataDir, PLACING))
  fsyncDirectory(dataDir)
}

function installDraft(dataDir: string): void {
  const placingDir = join(dataDir, PLACING)
  // The plan is removed last: without it, only the directory is left to remove.
  if (existsSync(join(placingDir, PLAN))) {
    installCredentials(join(placingDir, CREDENTIALS), readPlan(placingDir).credentialsDir)
    for (const name of DATA_FILES) {
      if (existsSync(join(placingDir, name))) renameSync(join(placingDir, name), join(dataDir, name))
    }
    fsyncDirectory(dataDir)
    rmSync(join(placingDir, CREDENTIALS), { recursive: true, force: true })
    rmSync(join(placingDir, PLAN))
  }
  rmSync(placingDir, { recursive: true, force: true })
}

/** Existing key pairs are kept: droplets are not part of a backup, so the existing pair matches the droplet. */
function installCredentials(from: string, to: string): void {
  if (!existsSync(from)) return
  for (const droplet of readdirSync(from)) {
    const folder = join(to, droplet)
    const privateKey = join(folder, `${droplet}.private.key`)
    if (existsSync(privateKey)) continue
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
    // The private key comes last: it marks the pair as complete.
    const names = readdirSync(join(from, droplet)).toSorted().reverse()
    for (const name of names) installFile(join(from, droplet, name), join(folder, name))
  }
}

/** Copies, since the target may be on another disk. */
function installFile(from: string, to: string): void {
  const tempPath = `${to}.new`
  rmSync(tempPath, { force: true })
  copyFileSync(from, tempPath)
  chmodSync(tempPath, to.endsWith('.private.key') ? 0o400 : 0o600)
  renameSync(tempPath, to)
  fsyncDirectory(dirname(to))
}

function readPlan(directory: string): RestorePlan {
  const plan: Partial<RestorePlan> = JSON.parse(readFileSync(join(directory, PLAN), 'utf8'))
  const { credentialsDir, aside } = plan
  if (typeof credentialsDir !== 'string' || !isAsideName(aside ?? '')) throw new Error('its plan is corrupt')
  return { credentialsDir, aside: aside ?? '' }
}
