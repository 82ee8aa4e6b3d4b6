import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { isDockerdRunning, socketPath, stopDockerd } from './lib/dockerd.ts'
import { engineAnswers, engineApi } from './lib/engine-api.ts'
import { pollUntil } from './lib/run.ts'
import { logStep, runScript, UserError } from './lib/terminal.ts'
import { credentialsDir, engineDir, serverPid, socketFile, upDir } from './lib/up-state.ts'

await runScript(async () => {
  // Without the `--` before it, npm takes the word for itself and tells it only so.
  const purge = process.argv.includes('--purge') || process.env.npm_config_purge === 'true'
  const unknown = process.argv.slice(2).filter(word => word !== '--purge')
  if (unknown.length > 0) throw new UserError(`${unknown.join(' ')}: the only word that is understood here is --purge`)
  await stopServer()
  const socket = existsSync(socketFile) ? readFileSync(socketFile, 'utf8') : undefined
  const usesOwnEngine = socket === socketPath(engineDir)
  if (purge && socket !== undefined && !usesOwnEngine) await removeDroplets(socket)
  if (usesOwnEngine) {
    if (isDockerdRunning({ dir: engineDir })) logStep('Stopping our Docker Engine, and with it its droplets')
    await stopDockerd({ dir: engineDir })
  }
  if (purge) {
    logStep(`Removing ${upDir}`)
    rmSync(upDir, { recursive: true, force: true })
  }
})

async function stopServer(): Promise<void> {
  const pid = serverPid()
  if (pid === undefined) return logStep('Nothing serves here')
  logStep(`Stopping cikit-api (process ${pid})`)
  process.kill(pid, 'SIGTERM')
  if (!(await pollUntil(70_000, () => serverPid() === undefined))) throw new UserError(`Process ${pid} does not end`)
}

/** On an engine that was there before us: the droplets that we made, which are those whose keys lie with our data. */
async function removeDroplets(socket: string): Promise<void> {
  const names = existsSync(credentialsDir) ? readdirSync(credentialsDir) : []
  if (names.length === 0) return
  if (!(await engineAnswers(socket))) {
    throw new UserError(
      `The droplets ${names.join(', ')} are on the engine at ${socket}, which does not answer: start it first`,
    )
  }
  const containers = (await (await engineApi(socket, 'GET', '/containers/json?all=1')).json()) as Container[]
  for (const { Id, Names, Labels } of containers) {
    const name = names.find(candidate => Names.includes(`/${candidate}`))
    if (!name || !('cikit-api.add' in Labels)) continue
    logStep(`Removing the droplet ${name}`)
    await engineApi(socket, 'DELETE', `/containers/${Id}?force=1&v=1`)
  }
}

interface Container {
  Id: string
  Names: string[]
  Labels: Record<string, string>
}
