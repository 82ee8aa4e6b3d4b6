import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { isDockerdRunning, socketPath, stopDockerd } from './lib/dockerd.ts'
import { engineAnswers, engineApi } from './lib/engine-api.ts'
import { pollUntil } from './lib/run.ts'
import { logStep, runScript, UserError } from './lib/terminal.ts'
import { credentialsDir, engineDir, serverPid, socketFile, upDir } from './lib/up-state.ts'

await runScript(async () => {
  // npm consumes a flag that is not behind `--` and passes it on as a variable.
  const purge = process.argv.includes('--purge') || process.env.npm_config_purge === 'true'
  const unknown = process.argv.slice(2).filter(argument => argument !== '--purge')
  if (unknown.length > 0) {
    throw new UserError(`Unexpected argument: ${unknown.join(' ')}. Usage: npm run down [-- --purge]`)
  }
  await stopServer()
  const socket = existsSync(socketFile) ? readFileSync(socketFile, 'utf8') : undefined
  const usesOwnEngine = socket === socketPath(engineDir)
  if (purge && socket !== undefined && !usesOwnEngine) await removeDroplets(socket)
  if (usesOwnEngine) {
    if (isDockerdRunning({ dir: engineDir })) logStep('Stopping our own Docker Engine and its droplets')
    await stopDockerd({ dir: engineDir })
  }
  if (purge) {
    logStep(`Removing ${upDir}`)
    rmSync(upDir, { recursive: true, force: true })
  }
})

async function stopServer(): Promise<void> {
  const pid = serverPid()
  if (pid === undefined) return logStep('cikit-api is not running')
  logStep(`Stopping cikit-api (process ${pid})`)
  process.kill(pid, 'SIGTERM')
  if (!(await pollUntil(70_000, () => serverPid() === undefined)))
    throw new UserError(`Process ${pid} did not stop within 70 seconds. Check its log, or kill it.`)
}

/** Removes our droplets from an engine that is not ours: those whose keys are in our data directory. */
async function removeDroplets(socket: string): Promise<void> {
  const names = existsSync(credentialsDir) ? readdirSync(credentialsDir) : []
  if (names.length === 0) return
  if (!(await engineAnswers(socket))) {
    throw new UserError(
      `The droplets ${names.join(', ')} are on the engine at ${socket}, which does not answer. Start the engine and run this again.`,
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
