import { closeSync, constants, existsSync, openSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Backup, openBackup } from '../src/backups/read.ts'
import { requireWritable, unpack } from '../src/backups/restore.ts'
import { readPassphrase } from '../src/backups/sealed-keys.ts'
import { type BackupPlace, readEnv, readHost, toBackupPlace } from '../src/config.ts'
import { createAccess } from '../src/context.ts'
import { ConfigError, OperatorError } from '../src/errors.ts'
import type { Secret } from '../src/secret.ts'
import { databaseFile } from '../src/store/files.ts'
import { replaceData } from '../src/store/replace-data.ts'
import type { Restored } from '../src/store/restored.ts'
import { hostUser } from './access.ts'
import { actAsOwnerOf } from './act-as-owner.ts'
import { command, flagsOf, settingArgs } from './command.ts'
import { counted } from './counted.ts'

interface Report extends Restored {
  dataDir: string
  /** Of the backup. */
  time: string
  version: string
  users: number
  droplets: number
  /** What the audit that was restored has wrong, in words. */
  findings: string[]
  /** Where what was there before is; null when there was nothing. */
  before: string | null
}

export const restore = command({
  meta: { name: 'cikit-api restore', description: 'Put back what a backup holds, while nobody serves' },
  args: {
    file: { type: 'positional', description: 'A file that backup wrote', required: true, valueHint: 'FILE' },
    'passphrase-file': { type: 'string', valueHint: 'FILE', description: 'Where the passphrase of its keys is' },
    force: { type: 'boolean', description: 'Also where there is a database already, which is put aside' },
    'restart-audit': { type: 'boolean', description: 'Begin a new audit when audit.key is lost' },
    json: { type: 'boolean', description: 'Print one JSON object' },
    ...settingArgs('data-dir', 'secret-key-file', 'credentials-dir'),
  },
  run: async ({ args }) => {
    const place = toBackupPlace(flagsOf(args), readEnv(), readHost())
    // All that only the caller may read, before root becomes the owner of the data directory.
    const passphrase = args['passphrase-file'] ? readPassphrase(args['passphrase-file']) : undefined
    const fd = openFile(resolve(args.file))
    const by = hostUser()
    const backup = openBackup(fd)
    actAsOwnerOf(place.dataDir)
    const options = { passphrase, force: args.force === true, auditAnew: args['restart-audit'] === true, by }
    const report = await putBack(backup, place, options)
    closeSync(fd)
    process.stdout.write(args.json ? `${JSON.stringify(report)}\n` : inWords(report))
  },
})

async function putBack(
  backup: Backup,
  place: BackupPlace,
  options: { passphrase: Secret | undefined; force: boolean; auditAnew: boolean; by: string },
): Promise<Report> {
  const { dataDir, credentialsDir } = place
  const { made, before } = await replaceData(dataDir, credentialsDir, async draft => {
    if (existsSync(databaseFile(dataDir)) && !options.force) {
      throw new OperatorError(
        `There is a database in ${dataDir} already: with --force it is put aside, and nothing of it is deleted`,
      )
    }
    requireWritable(credentialsDir)
    return await settle(backup, place, draft, options)
  })
  const { time, version } = backup.manifest
  return { dataDir, time, version, ...made, before }
}

/** Opens what was unpacked as `serve` would, and ends in it what belongs to the past. */
async function settle(
  backup: Backup,
  place: BackupPlace,
  draft: string,
  { passphrase, auditAnew, by }: { passphrase: Secret | undefined; auditAnew: boolean; by: string },
): Promise<Omit<Report, 'dataDir' | 'time' | 'version' | 'before'>> {
  await unpack(backup, draft, place, { passphrase, auditAnew })
  const { time, files } = backup.manifest
  const access = await createAccess({ ...place, dataDir: draft }, auditAnew ? { auditAnew: { by } } : {})
  try {
    const act = { user: by, address: 'host', action: 'restore' }
    const restored = await access.settleRestored(act, Date.parse(time))
    const { findings } = access.audit.verify()
    const droplets = files.filter(({ name }) => name.endsWith('.private.key')).length
    return { ...restored, users: access.users.list().length, droplets, findings }
  } finally {
    await access.close()
    // The backup is the copy.
    for (const name of readdirSync(draft)) if (name.startsWith('before-migration-')) rmSync(join(draft, name))
  }
}

function openFile(file: string): number {
  try {
    // A pipe that nobody writes to must not hold this up.
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError(`${file} cannot be read (${reason}): name a file that cikit-api backup wrote`)
  }
}

function inWords({ dataDir, time, version, users, droplets, findings, before, ...ended }: Report): string {
  const lines = [
    `Restored into ${dataDir}: ${counted(users, 'user')} and the SSH keys of ${counted(droplets, 'droplet')}, as of ${time} (cikit-api ${version})`,
    `Ended: ${counted(ended.sessions, 'session')}, ${counted(ended.enrolments, 'enrolment link')}, ${counted(ended.operations, 'operation')} under way. Everybody logs in anew, with the next code`,
    'Recovery codes that were used since then count again: give new ones to who used any',
    ...(before ? [`What was there before is in ${before}; remove it when it is not needed any more`] : []),
    ...(findings.length > 0 ? [`The audit in the backup does not fit: ${findings.join('; ')}`] : []),
  ]
  return `${lines.join('\n')}\n`
}
