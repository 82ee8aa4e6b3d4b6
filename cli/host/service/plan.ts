import { statSync } from 'node:fs'
import { readHostFacts, toConfig } from '../../../src/config/config.ts'
import type { Flags } from '../../../src/config/settings.ts'
import type { Config } from '../../../src/config/types.ts'
import { OperatorError } from '../../../src/core/errors.ts'
import { groupId, groupName, groupNames } from './account.ts'
import { rejectHidden, TLS_GROUP } from './file-access.ts'
import { layout } from './layout.ts'
import { parseSettings, withSettings } from './settings-file.ts'
import { renderUnit } from './unit.ts'

/** The state that `install` establishes. */
export interface InstallPlan {
  config: Config
  /** Text of the settings file, and its variables. */
  settings: string
  variables: Record<string, string>
  unit: string
  /** Directories that the service writes to. Absolute paths. */
  directories: string[]
  /** Numbers of the groups that the unit adds. */
  groups: number[]
}

/**
 * Plans an installation without changing the host.
 * @param newSettings replace the settings of the same name
 * @param currentText text of the existing settings file
 * @throws ConfigError for a setting that the service could not use
 */
export async function planService(newSettings: Flags, currentText: string | undefined): Promise<InstallPlan> {
  const currentVariables = currentText === undefined ? {} : parseSettings(currentText, layout.settings)
  // The service's default data directory is root's.
  const config = toConfig(newSettings, { CIKIT_API_DATA_DIR: layout.dataDir, ...currentVariables }, readHostFacts())
  const settings = withSettings(currentText, newSettings)
  const variables = parseSettings(settings, layout.settings)
  const { dataDir, droplets, backups } = config
  const writtenPaths = [droplets.credentialsDir, ...(backups ? [backups.dir] : [])]
  const writable = writtenPaths.filter(path => !path.startsWith(`${dataDir}/`))
  for (const [flag, path] of configuredPaths(config)) rejectHidden(flag, path)
  const groups = await groupsFor(config)
  const names = await groupNames(groups)
  const unit = renderUnit({ dataDir, writable, groups: names, port: config.listen.port })
  return { config, settings, variables, unit, directories: [dataDir, ...writable], groups }
}

/** Files that the service reads, by flag. */
export function filesReadBy({ listen, keyFile }: Config): [flag: string, path: string][] {
  const tls: [string, string][] = listen.tls
    ? [
        ['--tls-cert', listen.tls.certFile],
        ['--tls-key', listen.tls.keyFile],
      ]
    : []
  return keyFile ? [...tls, ['--secret-key-file', keyFile]] : tls
}

function configuredPaths(config: Config): [flag: string, path: string][] {
  const { dataDir, droplets } = config
  return [['--data-dir', dataDir], ['--credentials-dir', droplets.credentialsDir], ...filesReadBy(config)]
}

async function groupsFor({ engine, listen }: Config): Promise<number[]> {
  const docker = engine.kind === 'unix' ? await socketGroup(engine.path) : undefined
  const tls = listen.tls && (await groupId(TLS_GROUP))
  return [...new Set([docker, tls].filter(id => id !== undefined))]
}

/** The group with access to the engine's socket. Without a socket yet, the group that Docker's package creates. */
async function socketGroup(path: string): Promise<number | undefined> {
  const socket = statSync(path, { throwIfNoEntry: false })
  if (!socket) return await groupId('docker')
  if (socket.gid === 0) {
    throw new OperatorError(
      `The engine's socket ${path} belongs to the group root, which a service should not be in: give dockerd a group of its own (groupadd --system docker; dockerd --group docker)`,
    )
  }
  // systemd does not accept a group without a name.
  if ((await groupName(socket.gid)) !== undefined) return socket.gid
  throw new OperatorError(
    `The engine's socket ${path} belongs to the group ${socket.gid}, which has no name on this host: run groupadd --system --gid ${socket.gid} docker`,
  )
}
