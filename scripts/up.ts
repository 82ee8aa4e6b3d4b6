import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { installPackages, isRoot } from './lib/debian.ts'
import { isDockerdRunning, socketPath, startDockerd } from './lib/dockerd.ts'
import { engineAnswers } from './lib/engine-api.ts'
import { ensureDropletImage } from './lib/images.ts'
import { binary } from './lib/paths.ts'
import { pollUntil, run } from './lib/run.ts'
import { logStep, print, runScript, UserError } from './lib/terminal.ts'
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
  const args = process.argv.slice(2)
  if (args.length > 0) throw new UserError(`${args.join(' ')}: npm run up takes no words, see the README`)
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

/** Found out before anything takes minutes. */
function rejectPortInUse(): void {
  const { hostname, port } = new URL(serverUrl)
  try {
    Bun.listen({ hostname, port: Number(port), socket: { data() {} } }).stop(true)
  } catch {
    throw new UserError(
      `Something else listens on ${hostname}:${port}: stop it first, or choose another CIKIT_API_PORT`,
    )
  }
}

async function build(): Promise<void> {
  logStep('Building dist/cikit-api')
  await run(['bun', 'scripts/build.ts'])
}

/** The engine that is there, or else one of our own with its data in our folder. */
async function findOrStartEngine(): Promise<string> {
  const dockerHost = process.env.DOCKER_HOST
  if (dockerHost && !dockerHost.startsWith('unix://')) {
    throw new UserError(`DOCKER_HOST is ${dockerHost}, and this script uses an engine on a unix socket: unset it`)
  }
  const socket = dockerHost?.slice('unix://'.length) ?? hostSocket
  if (await engineAnswers(socket)) {
    logStep(`Using the Docker Engine on ${socket}`)
    return socket
  }
  if (dockerHost)
    throw new UserError(`No Docker Engine answers on DOCKER_HOST=${dockerHost}: start it, or unset the variable`)
  if (!isRoot) {
    throw new UserError(
      `No Docker Engine answers on ${socket}, and only root can bring one.\nStart Docker (and be in its group), or run this as root.`,
    )
  }
  await installPackages(['docker.io', 'iptables'])
  // Where a service manager runs, the package has just started one.
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
  logStep(`Starting cikit-api serve (its log: ${logFile})`)
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
    fetch(`${serverUrl}/`).then(
      () => serverPid() === child.pid,
      () => false,
    )
  await pollUntil(15_000, async () => child.exitCode !== null || (await isServing()))
  if (child.exitCode !== null || !(await isServing())) {
    throw new UserError(`cikit-api does not serve:\n${readFileSync(logFile, 'utf8').trim()}`)
  }
}

function printNextSteps(): void {
  const api = `${serverUrl}/api/v1`
  print(`
cikit-api serves on ${serverUrl}. Three lines to begin with; 123456 stands for the code in your authenticator app:

TOKEN=$(curl -s ${api}/user/auth -H 'Content-Type: application/json' -d '{"username": "${owner}", "code": "123456"}' | grep -o '"access_token":"[0-9a-f]*' | cut -d'"' -f4)
curl -s -X POST ${api}/droplet/add -H "Authorization: Bearer $TOKEN"
curl -s ${api}/droplet/list -H "Authorization: Bearer $TOKEN"

The QR code again (this ends the sessions):  dist/cikit-api create-user -u ${owner} -g owner --data-dir ${dataDir}
To stop: npm run down    To remove droplets, engine and data, too: npm run down -- --purge`)
}
