import { closeSync, fsyncSync, lstatSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { dirname, resolve } from 'node:path'
import { writeBackup } from '../../src/backups/backup-writer.ts'
import { readPassphrase } from '../../src/backups/encrypted-keys.ts'
import type { Manifest } from '../../src/backups/manifest.ts'
import { tempPathFor } from '../../src/backups/work-directory.ts'
import { readEnv, readHostFacts, toDataLocations } from '../../src/config/config.ts'
import type { DataLocations } from '../../src/config/types.ts'
import { errorCode } from '../../src/core/error-code.ts'
import { errorMessage } from '../../src/core/error-message.ts'
import { ConfigError, OperatorError } from '../../src/core/errors.ts'
import { systemRandom } from '../../src/core/random.ts'
import { encryptionKeyFile } from '../../src/store/encryption-key.ts'
import { fsyncDirectory } from '../../src/store/key-file.ts'
import { version } from '../../src/version.ts'
import { defineCommand } from '../shared/command.ts'
import { settingArgs, toFlags } from '../shared/flags.ts'
import { pluralize } from '../shared/pluralize.ts'
import { runAsOwner } from './drop-privileges.ts'

export const backup = defineCommand({
  description: 'Write a backup of the database and the SSH keys to one file, even while serve runs',
  args: {
    file: { type: 'positional', description: 'File to write', required: true, valueHint: 'FILE' },
    'with-key': { type: 'boolean', description: 'Include the encryption and audit keys, encrypted with a passphrase' },
    'passphrase-file': { type: 'string', valueHint: 'FILE', description: 'File with the passphrase for the keys' },
    force: { type: 'boolean', description: 'Replace an existing file' },
    json: { type: 'boolean', description: 'Print one JSON object' },
    ...settingArgs('data-dir', 'secret-key-file', 'credentials-dir'),
  },
  run: async ({ args }) => {
    const locations = toDataLocations(toFlags(args), readEnv(), readHostFacts())
    const passphrase = readPassphraseOption(args)
    const file = resolve(args.file)
    rejectExisting(file, args.force === true)
    lowerPriority()
    const startedAt = performance.now()
    const options = { ...locations, version, now: Date.now, random: systemRandom, ...(passphrase && { passphrase }) }
    const { manifest, size } = await writeAtomically(file, fd =>
      runAsOwner(locations.dataDir, () => writeBackup(fd, options)),
    )
    const ms = Math.round(performance.now() - startedAt)
    if (args.json) process.stdout.write(`${JSON.stringify({ file, size, ms, ...manifest })}\n`)
    else process.stdout.write(toText(file, size, manifest, locations))
  },
})

/** Requests to the server take precedence. */
function lowerPriority(): void {
  try {
    setPriority(constants.priority.PRIORITY_LOW)
  } catch {
    // Without permission, the backup runs at normal priority.
  }
}

function readPassphraseOption(args: { 'with-key'?: boolean | undefined; 'passphrase-file'?: string | undefined }) {
  const file = args['passphrase-file']
  if (args['with-key'] && !file) {
    throw new ConfigError('--with-key needs --passphrase-file: a backup contains the keys only in encrypted form')
  }
  if (file && !args['with-key']) throw new ConfigError('--passphrase-file is only used with --with-key: add it')
  return file === undefined ? undefined : readPassphrase(file)
}

function rejectExisting(file: string, force: boolean): void {
  const existing = lstatSync(file, { throwIfNoEntry: false })
  if (!existing) return
  if (!existing.isFile()) throw new ConfigError(`${file} exists and is not a regular file: name another file`)
  if (!force) throw new ConfigError(`${file} already exists: name another file, or replace it with --force`)
}

/** The file gets its name once it is complete. Opened by root, which may write where the data directory's owner may not. */
async function writeAtomically(file: string, write: (fd: number) => Promise<Manifest>) {
  const tempPath = tempPathFor(file)
  let fd: number
  try {
    rmSync(tempPath, { force: true })
    fd = openSync(tempPath, 'wx+', 0o600)
  } catch (error) {
    const reason = errorMessage(error)
    throw new ConfigError(
      `${file} cannot be written (${reason}): name a file in a directory that this user can write to`,
    )
  }
  try {
    const manifest = await write(fd)
    fsyncSync(fd)
    renameSync(tempPath, file)
    fsyncDirectory(dirname(file))
    return { manifest, size: statSync(file).size }
  } catch (error) {
    rmSync(tempPath, { force: true })
    throw errorCode(error) === 'ENOSPC'
      ? new OperatorError(`There is not enough space for ${file}, or for a copy of the database: free some space`)
      : error
  } finally {
    closeSync(fd)
  }
}

function toText(file: string, size: number, { files, keys }: Manifest, locations: DataLocations): string {
  const droplets = files.filter(({ name }) => name.endsWith('.private.key')).length
  const contents = `the database and the SSH keys of ${pluralize(droplets, 'droplet')}${keys ? ', and the keys, encrypted with the passphrase' : ''}`
  const keyAdvice = keys
    ? 'Anyone with the file and the passphrase controls the system: store them separately\n'
    : `The keys are not included: back up ${encryptionKeyFile(locations)} and audit.key separately. Without the first, nobody can log in after a restore\n`
  return `${file}: ${contents}, ${(size / 1_048_576).toFixed(1)} MB, opened and verified\n${keyAdvice}`
}
