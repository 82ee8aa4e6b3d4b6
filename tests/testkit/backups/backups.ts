import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeHeader } from '../../../src/backups/archive.ts'
import { openBackup } from '../../../src/backups/backup-reader.ts'
import { type BackupOptions, writeBackup } from '../../../src/backups/backup-writer.ts'
import { type CoreContext, createCoreContext } from '../../../src/core-context.ts'
import { createDropletKeys } from '../../../src/droplets/keys.ts'
import { TEST_ACTOR } from '../actor.ts'
import { memoryDir } from '../temp-dir.ts'

export const systemRandom = (size: number) => crypto.getRandomValues(new Uint8Array(size))

/** A host to back up: it has an owner and the SSH keys of one droplet. */
export async function createBackupHost() {
  const dir = memoryDir()
  const dataDir = join(dir.path, 'data')
  const credentialsDir = join(dataDir, 'credentials')
  const coreContext: CoreContext = await createCoreContext({ dataDir, hostLabel: 'matrix.test' })
  await coreContext.users.add(TEST_ACTOR, 'ann', 'owner')
  const keys = createDropletKeys(credentialsDir, systemRandom)
  keys.save('cikit01', keys.generate('cikit01'))
  const file = join(dir.path, 'backup.tar')
  return {
    path: dir.path,
    dataDir,
    credentialsDir,
    coreContext,
    keys,
    file,
    createBackup: (overrides: Partial<BackupOptions> = {}) =>
      withFile(file, 'w+', fd =>
        writeBackup(fd, {
          dataDir,
          credentialsDir,
          version: '1.2.3',
          now: Date.now,
          random: systemRandom,
          ...overrides,
        }),
      ),
    async [Symbol.asyncDispose]() {
      await coreContext.close()
      dir[Symbol.dispose]()
    },
  }
}

export async function withFile<T>(file: string, flags: string, work: (fd: number) => T | Promise<T>): Promise<T> {
  const fd = openSync(file, flags, 0o600)
  try {
    return await work(fd)
  } finally {
    closeSync(fd)
  }
}

/** Reads a file as a backup. */
export const openBackupFile = (file: string) => withFile(file, 'r', openBackup)

export interface RawEntry {
  name: string
  bytes?: Uint8Array
  /** The size in the header; defaults to that of `bytes`. */
  size?: number
  /** tar's typeflag: `2` is a symbolic link to `link`. */
  type?: string
  link?: string
}

/** Writes an archive, valid or not. */
export function writeRawArchive(file: string, entries: RawEntry[], trailerBytes = 1_024): void {
  const blocks = entries.flatMap(entry => {
    const bytes = entry.bytes ?? Buffer.alloc(0)
    return [rawHeader(entry), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]
  })
  writeFileSync(file, Buffer.concat([...blocks, Buffer.alloc(trailerBytes)]))
}

function rawHeader({ name, bytes, size = bytes?.length ?? 0, type = '0', link = '' }: RawEntry): Buffer {
  const header = encodeHeader({ name, size }, 0)
  header.write(type, 156)
  header.write(link, 157)
  header.write('        ', 148)
  const checksum = header.reduce((sum, byte) => sum + byte, 0)
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
