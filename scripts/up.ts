import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { installPackages, isRoot } from './lib/debian.ts'
import { isDockerdRunning, socketPath, startDockerd } from './lib/dockerd.ts'
import { engineAnswers } from './lib/engine-api.ts'
import { ensureDropletImage } from './lib/images.ts'
import { binary } from './lib/paths.ts'
import { pollUntil, run } from './lib/run.ts'
import { logStep, print, runScript, scriptArguments, UserError } from './lib/terminal.ts'
import {
  dataDir,
  engineDir,
  hostSocket,
  logFile,
  owner,
  serverPid,
  serverUrl,
  socketFile,
  upDir,
} from './lib/up-state.ts'

await runScript(async () => {
  const args = scriptArguments()
  if (args.length > 0) throw new UserError(`Unexpected argument: ${args.join(' ')}. Usage: npm run up [-- --yes]`)
  mkdirSync(upDir, { recursive: true, mode: 0o700 })
  const runningPid = serverPid()
  if (runningPid === undefined) {
    rejectPortInUse()
    await build()
  } else logStep(`Already serving on ${serverUrl} (process ${runningPid}); npm run down stops it`)
  const socket = await findOrStartEngine()
  writeFileSync(socketFile, socket)
  await ensureDropletImage(socket)
  await ensureOwner()
  if (runningPid === undefined) await serve(socket)
  printNextSteps()
})

/** Checked first, before the steps that take minutes. */
function rejectPortInUse(): void {
  const { hostname, port } = new URL(serverUrl)
  try {
    Bun.listen({ hostname, port: Number(port), socket: { data() {} } }).stop(true)
  } catch {
    throw new UserError(
      `Port ${port} on ${hostname} is in use. Stop the other program, or set CIKIT_API_PORT to another port.`,
    )
  }
}

async function build(): Promise<void> {
  logStep('Building dist/cikit-api')
  await run(['bun', 'scripts/build.ts'])
}

/** @returns the socket of the engine that runs on this host, or of our own engine, whose data is in our folder */
async function findOrStartEngine(): Promise<string> {
  const dockerHost = process.env.DOCKER_HOST
  if (dockerHost && !dockerHost.startsWith('unix://')) {
    throw new UserError(`DOCKER_HOST is ${dockerHost}, but this script needs an engine on a unix socket. Unset it.`)
  }
  const socket = dockerHost?.slice('unix://'.length) ?? hostSocket
  if (await engineAnswers(socket)) {
    logStep(`Using the Docker Engine on ${socket}`)
    return socket
  }
  if (dockerHost)
    throw new UserError(`No Docker Engine answers on DOCKER_HOST=${dockerHost}. Start it, or unset the variable.`)
  if (!isRoot) {
    throw new UserError(
      `No Docker Engine answers on ${socket}, and only root can install one.\nStart Docker and join its group, or run this as root.`,
    )
  }
  await installPackages(['docker.io', 'iptables'])
  // With a service manager, installing the package has started an engine.
  if (await engineAnswers(hostSocket)) return hostSocket
  const running = isDockerdRunning({ dir: engineDir })
  logStep(`${running ? 'Using' : 'Starting'} a Docker Engine of our own on ${socketPath(engineDir)}`)
  return (await startDockerd({ dir: engineDir })).socket
}

async function ensureOwner(): Promise<void> {
  const users: { username: string; group: string }[] = JSON.parse(
    await run([binary, 'user', 'list', '--json', '--data-dir', dataDir]),
  )
  const existing = users.find(user => user.group === 'owner')
  if (existing) {
    logStep(`The owner is ${existing.username}`)
    return
  }
  logStep(`Creating the owner "${owner}"`)
  print(await run([binary, 'create-user', '-u', owner, '-g', 'owner', '--data-dir', dataDir]))
}

async function serve(socket: string): Promise<void> {
  logStep(`Starting cikit-api serve (log: ${logFile})`)
  const output = openSync(logFile, 'w', 0o600)
  const { hostname: host, port } = new URL(serverUrl)
  const flags = ['--host', host, '--port', port, '--public-url', serverUrl, '--docker-host', `unix://${socket}`]
  const child = Bun.spawn([binary, 'serve', '--data-dir', dataDir, ...flags], {
    stdin: 'ignore',
    stdout: output,
    stderr: output,
    detached: true,
  })
  child.unref()
  const isServing = () =>
    fetch(`${serverUrl}/`, { signal: AbortSignal.timeout(2_000) }).then(
      () => serverPid() === child.pid,
      () => false,
    )
  await pollUntil(15_000, async () => child.exitCode !== null || (await isServing()))
  if (child.exitCode !== null || !(await isServing())) {
    throw new UserError(`cikit-api did not start:\n${readFileSync(logFile, 'utf8').trim()}`)
  }
}

function printNextSteps(): void {
  const api = `${serverUrl}/api/v1`
  print(`
cikit-api serves on ${serverUrl}. To get started, replace 123456 with the code in your authenticator app and run:

TOKEN=$(curl -s ${api}/user/auth -H 'Content-Type: application/json' -d '{"username": "${owner}", "code": "123456"}' | grep -o '"access_token":"[0-9a-f]*' | cut -d'"' -f4)
curl -s -X POST ${api}/droplet/add -H "Authorization: Bearer $TOKEN"
curl -s ${api}/droplet/list -H "Authorization: Bearer $TOKEN"

To show the QR code again (this ends the owner's sessions):  dist/cikit-api create-user -u ${owner} -g owner --data-dir ${dataDir}
To stop: npm run down    To also remove droplets, engine and data: npm run down -- --purge`)
}
