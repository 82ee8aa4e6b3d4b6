import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Backup, openBackup } from '../../src/backups/backup-reader.ts'
import { readPassphrase } from '../../src/backups/encrypted-keys.ts'
import { assertWritable, unpack } from '../../src/backups/restore.ts'
import { readEnv, readHostFacts, toDataLocations } from '../../src/config/config.ts'
import type { DataLocations } from '../../src/config/types.ts'
import type { Actor } from '../../src/core/actor.ts'
import { errorMessage } from '../../src/core/error-message.ts'
import { ConfigError, OperatorError } from '../../src/core/errors.ts'
import type { Secret } from '../../src/core/secret.ts'
import { createCoreContext } from '../../src/core-context.ts'
import { databaseFile, listPreMigrationFiles, preMigrationFile } from '../../src/store/files.ts'
import type { RestoreSummary } from '../../src/store/invalidate-restored.ts'
import { swapData } from '../../src/store/swap-data.ts'
import { defineCommand } from '../shared/command.ts'
import { settingArgs, toFlags } from '../shared/flags.ts'
import { pluralize } from '../shared/pluralize.ts'
import { hostActor } from './core-context.ts'
import { dropPrivilegesToOwner } from './drop-privileges.ts'

interface RestoreReport extends RestoreSummary {
  dataDir: string
  /** Time of the backup. */
  time: string
  version: string
  users: number
  droplets: number
  /** Problems of the restored audit log. */
  findings: string[]
  /** Directory with the replaced data; null if there was none. */
  before: string | null
}

interface RestoreOptions {
  passphrase: Secret | undefined
  force: boolean
  restartAudit: boolean
  actor: Actor
}

export const restore = defineCommand({
  description: 'Restore a backup while no server runs',
  args: {
    file: { type: 'positional', description: 'File written by cikit-api backup', required: true, valueHint: 'FILE' },
    'passphrase-file': { type: 'string', valueHint: 'FILE', description: 'File with the passphrase of its keys' },
    force: { type: 'boolean', description: 'Restore over an existing database, which is moved aside' },
    'restart-audit': { type: 'boolean', description: 'Start a new audit log if audit.key is lost' },
    json: { type: 'boolean', description: 'Print one JSON object' },
    ...settingArgs('data-dir', 'secret-key-file', 'credentials-dir'),
  },
  run: async ({ args, path }) => {
    const locations = toDataLocations(toFlags(args), readEnv(), readHostFacts())
    // Read before dropping privileges: the data directory's owner may not be allowed to read these files.
    const passphrase = args['passphrase-file'] ? readPassphrase(args['passphrase-file']) : undefined
    const fd = openFile(resolve(args.file))
    const actor = hostActor(path)
    const backup = openBackup(fd)
    dropPrivilegesToOwner(locations.dataDir)
    const options = { passphrase, force: args.force === true, restartAudit: args['restart-audit'] === true, actor }
    const report = await replaceWithBackup(backup, locations, options)
    closeSync(fd)
    process.stdout.write(args.json ? `${JSON.stringify(report)}\n` : toText(report))
  },
})

async function replaceWithBackup(
  backup: Backup,
  locations: DataLocations,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const { dataDir, credentialsDir } = locations
  const { result, previousDataDir } = await swapData(dataDir, credentialsDir, async stagingDir => {
    if (existsSync(databaseFile(dataDir)) && !options.force) {
      throw new OperatorError(`${dataDir} already contains a database: --force moves it aside without deleting it`)
    }
    assertWritable(credentialsDir)
    return await prepareRestored(backup, locations, stagingDir, options)
  })
  const { time, version } = backup.manifest
  return { dataDir, time, version, ...result, before: previousDataDir }
}

/** Opens the unpacked data as `serve` would, and invalidates sessions, enrolments and operations in it. */
async function prepareRestored(
  backup: Backup,
  locations: DataLocations,
  stagingDir: string,
  { passphrase, restartAudit, actor }: RestoreOptions,
): Promise<Omit<RestoreReport, 'dataDir' | 'time' | 'version' | 'before'>> {
  await unpack(backup, stagingDir, locations, { passphrase, restartAudit })
  const { time, files } = backup.manifest
  const context = await createCoreContext(
    { ...locations, dataDir: stagingDir },
    restartAudit ? { restartAudit: { by: actor.user } } : {},
  )
  try {
    const restored = await context.invalidateRestored(actor, Date.parse(time))
    const { findings } = context.audit.verify()
    const droplets = files.filter(({ name }) => name.endsWith('.private.key')).length
    return { ...restored, users: context.users.list().length, droplets, findings }
  } finally {
    await context.close()
    // The backup itself serves as the copy.
    for (const id of listPreMigrationFiles(stagingDir)) rmSync(preMigrationFile(stagingDir, id))
  }
}

function openFile(file: string): number {
  try {
    // Does not block on a pipe without a writer.
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const reason = errorMessage(error)
    throw new ConfigError(`${file} cannot be read (${reason}): name a file written by cikit-api backup`)
  }
}

function toText({ dataDir, time, version, users, droplets, findings, before, ...invalidated }: RestoreReport): string {
  const lines = [
    `Restored into ${dataDir}: ${pluralize(users, 'user')} and the SSH keys of ${pluralize(droplets, 'droplet')}, as of ${time} (cikit-api ${version})`,
    `Ended: ${pluralize(invalidated.sessions, 'session')}, ${pluralize(invalidated.enrolments, 'enrolment link')}, ${pluralize(invalidated.operations, 'operation')} in progress. All users have to log in again, with their next code`,
    'Recovery codes used since then are valid again: issue new ones to users who used any',
    ...(before ? [`The previous data is in ${before}; delete it when it is no longer needed`] : []),
    ...(findings.length > 0 ? [`The audit log in the backup failed verification: ${findings.join('; ')}`] : []),
  ]
  return `${lines.join('\n')}\n`
}
