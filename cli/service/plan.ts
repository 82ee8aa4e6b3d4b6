import { statSync } from 'node:fs'
import { type Config, type Flags, readHost, toConfig } from '../../src/config.ts'
import { OperatorError } from '../../src/errors.ts'
import { groupId, groupName, groupNames } from './account.ts'
import { layout } from './layout.ts'
import { refuseHidden, TLS_GROUP } from './readable.ts'
import { readSettings, withSettings } from './settings-file.ts'
import { unitText } from './unit.ts'

/** What `install` is to bring about. */
export interface Plan {
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
 * @param given what is set anew
 * @param earlier the text of the settings file that is there
 * @throws ConfigError for a setting that the service could not work with
 */
export async function planService(given: Flags, earlier: string | undefined): Promise<Plan> {
  const before = earlier === undefined ? {} : readSettings(earlier, layout.settings)
  // By default the service keeps its data where root does.
  const config = toConfig(given, { CIKIT_API_DATA_DIR: layout.dataDir, ...before }, readHost())
  const settings = withSettings(earlier, given)
  const variables = readSettings(settings, layout.settings)
  const { dataDir, droplets, backups } = config
  const written = [droplets.credentialsDir, ...(backups ? [backups.dir] : [])]
  const writable = written.filter(path => !path.startsWith(`${dataDir}/`))
  for (const [flag, path] of pathsOf(config)) refuseHidden(flag, path)
  const groups = await groupsFor(config)
  const names = await groupNames(groups)
  const unit = unitText({ dataDir, writable, groups: names, port: config.listen.port })
  return { config, settings, variables, unit, directories: [dataDir, ...writable], groups }
}

/** The files that the service reads, by their flags. */
export function filesOf({ listen, keyFile }: Config): [flag: string, path: string][] {
  const tls: [string, string][] = listen.tls
    ? [
        ['--tls-cert', listen.tls.certFile],
        ['--tls-key', listen.tls.keyFile],
      ]
    : []
  return keyFile ? [...tls, ['--secret-key-file', keyFile]] : tls
}

function pathsOf(config: Config): [flag: string, path: string][] {
  const { dataDir, droplets } = config
  return [['--data-dir', dataDir], ['--credentials-dir', droplets.credentialsDir], ...filesOf(config)]
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
