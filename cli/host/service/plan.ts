import { statSync } from 'node:fs'
import { type Config, type Flags, readHostFacts, toConfig } from '../../../src/config/config.ts'
import { OperatorError } from '../../../src/core/errors.ts'
import { groupId, groupName, groupNames } from './account.ts'
import { rejectHidden, TLS_GROUP } from './file-access.ts'
import { layout } from './layout.ts'
import { parseSettings, withSettings } from './settings-file.ts'
import { renderUnit } from './unit.ts'

/** What `install` is to bring about. */
export interface InstallPlan {
  config: Config
  /** The text of the settings file, and the variables in it. */
  settings: string
  variables: Record<string, string>
  unit: string
  /** What the service writes to. Absolute paths. */
  directories: string[]
  /** The numbers of the groups that the unit adds. */
  groups: number[]
}

/**
 * Looks at the host, and changes nothing.
 * @param newSettings what is set anew
 * @param currentText the text of the settings file that is there
 * @throws ConfigError for a setting that the service could not work with
 */
export async function planService(newSettings: Flags, currentText: string | undefined): Promise<InstallPlan> {
  const currentVariables = currentText === undefined ? {} : parseSettings(currentText, layout.settings)
  // By default the service keeps its data where root does.
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

/** The files that the service reads, by their flags. */
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

/** Who may open the engine's socket; where there is no socket yet, the group that Docker's package makes. */
async function socketGroup(path: string): Promise<number | undefined> {
  const socket = statSync(path, { throwIfNoEntry: false })
  if (!socket) return await groupId('docker')
  if (socket.gid === 0) {
    throw new OperatorError(
      `The engine's socket ${path} belongs to the group root, which is no group for a service: start dockerd with a group of its own (groupadd --system docker; dockerd --group docker)`,
    )
  }
  // systemd takes the number of a group as well, but of none that has no name.
  if ((await groupName(socket.gid)) !== undefined) return socket.gid
  throw new OperatorError(
    `The engine's socket ${path} belongs to the group ${socket.gid}, which has no name here: groupadd --system --gid ${socket.gid} docker`,
  )
}
