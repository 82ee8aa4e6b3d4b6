import { DATABASE_FILE } from '../store/files.ts'
import { corruptBackup } from './archive.ts'
import { isKeyEncryptionParams, type KeyEncryptionParams } from './encrypted-keys.ts'

/** The first file of a backup; lists the others. */
export const MANIFEST = 'manifest.json'
export const DATABASE = DATABASE_FILE
export const ENCRYPTED_KEYS = 'keys.sealed'
/** Incremented when older versions cannot read the backup. */
const FORMAT = 1
export const MAX_MANIFEST_SIZE = 4 * 1_048_576

export interface ListedFile {
  name: string
  /** Bytes. */
  size: number
  /** In hex. */
  sha256: string
}

export interface Manifest {
  format: typeof FORMAT
  /** Version of the program that wrote it. */
  version: string
  /** ISO 8601. */
  time: string
  /** The newest migration of the database. */
  migration: number
  /** Encryption of the keys; null when the backup has no keys. */
  keys: KeyEncryptionParams | null
  /** In the order of the archive. */
  files: ListedFile[]
}

export function createManifest(fields: Omit<Manifest, 'format'>): Manifest {
  return { format: FORMAT, ...fields }
}

/** @throws OperatorError for an invalid manifest */
export function parseManifest(text: string): Manifest {
  const value = parseJson(text)
  if (!isObject(value)) throw corruptBackup('its manifest is invalid')
  const { format, version, time, migration, keys, files } = value
  if (typeof format === 'number' && format > FORMAT) throw corruptBackup(`its format ${format} needs a newer cikit-api`)
  const isValid =
    format === FORMAT &&
    typeof version === 'string' &&
    /^[\w.+-]{1,100}$/.test(version) &&
    typeof time === 'string' &&
    isTime(time) &&
    isCount(migration) &&
    (keys === null || isKeyEncryptionParams(keys)) &&
    Array.isArray(files) &&
    files.every(isListedFile)
  if (!isValid) throw corruptBackup('its manifest is invalid')
  const names: string[] = files.map(file => file.name)
  if (names[0] !== DATABASE || (keys !== null) !== names.includes(ENCRYPTED_KEYS)) {
    throw corruptBackup('its manifest does not list the files of a backup')
  }
  return { format, version, time, migration, keys, files }
}

/** Parses names such as `credentials/cikit01/cikit01.private.key`. */
export function parseCredential(name: string): { droplet: string; file: string } | undefined {
  const match = /^credentials\/([a-z][a-z0-9-]{0,19}\d\d)\/(\1\.(?:private|public)\.key)$/.exec(name)
  return match?.[1] && match[2] ? { droplet: match[1], file: match[2] } : undefined
}

/** Context of the encrypted keys, which binds them to the whole backup: decrypting them detects any change. */
export function encryptionContextOf({ version, time, migration, files }: Omit<Manifest, 'format' | 'keys'>): string {
  const otherFiles = files.filter(({ name }) => name !== ENCRYPTED_KEYS)
  return JSON.stringify([
    FORMAT,
    version,
    time,
    migration,
    ...otherFiles.map(({ name, size, sha256 }) => [name, size, sha256]),
  ])
}

function isListedFile(value: unknown): value is ListedFile {
  if (!isObject(value)) return false
  const { name, size, sha256 } = value
  const isKnownName = (text: string) =>
    text === DATABASE || text === ENCRYPTED_KEYS || parseCredential(text) !== undefined
  return (
    typeof name === 'string' &&
    isKnownName(name) &&
    isCount(size) &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256)
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isTime(text: string): boolean {
  const time = Date.parse(text)
  return !Number.isNaN(time) && new Date(time).toISOString() === text
}
