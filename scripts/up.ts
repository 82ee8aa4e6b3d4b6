import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { installPackages, isRoot } from './lib/debian.ts'
import { runsDockerd, socketOf, startDockerd } from './lib/dockerd.ts'
import { engineAnswers } from './lib/engine-api.ts'
import { ensureDropletImage } from './lib/images.ts'
import { binary } from './lib/paths.ts'
import { run, until } from './lib/run.ts'
import { main, Obstacle, print, say } from './lib/terminal.ts'
import {
  address,
  dataDir,
  engineDir,
  hostSocket,
  logFile,
  owner,
  servingPid,
  socketFile,
  upDir,
} from './lib/up-state.ts'

await main(async () => {
  const words = process.argv.slice(2)
  if (words.length > 0) throw new Obstacle(`${words.join(' ')}: npm run up takes no words, see the README`)
  mkdirSync(upDir, { recursive: true, mode: 0o700 })
  const running = servingPid()
  if (running === undefined) {
    refuseTakenPort()
    await build()
  } else say(`Already serving on ${address} (process ${running}); npm run down stops it`)
  const socket = await findOrStartEngine()
  writeFileSync(socketFile, socket)
  await ensureDropletImage(socket)
  await createOwnerOnce()
  if (running === undefined) await serve(socket)
  tellHowToGoOn()
})

/** Found out before anything takes minutes. */
function refuseTakenPort(): void {
  const { hostname, port } = new URL(address)
  try {
    Bun.listen({ hostname, port: Number(port), socket: { data() {} } }).stop(true)
  } catch {
    throw new Obstacle(`Something else listens on ${hostname}:${port}: stop it first, or choose another CIKIT_API_PORT`)
  }
}

async function build(): Promise<void> {
  say('Building dist/cikit-api')
  await run(['bun', 'scripts/build.ts'])
}

/** The engine that is there, or else one of our own with its data in our folder. */
async function findOrStartEngine(): Promise<string> {
  const named = process.env.DOCKER_HOST
  if (named && !named.startsWith('unix://')) {
    throw new Obstacle(`DOCKER_HOST is ${named}, and this script uses an engine on a unix socket: unset it`)
  }
  const socket = named?.slice('unix://'.length) ?? hostSocket
  if (await engineAnswers(socket)) {
    say(`Using the Docker Engine on ${socket}`)
    return socket
  }
  if (named) throw new Obstacle(`No Docker Engine answers on DOCKER_HOST=${named}: start it, or unset the variable`)
  if (!isRoot) {
    throw new Obstacle(
      `No Docker Engine answers on ${socket}, and only root can bring one.\nStart Docker (and be in its group), or run this as root.`,
    )
  }
  await installPackages(['docker.io', 'iptables'])
  // Where a service manager runs, the package has just started one.
  if (await engineAnswers(hostSocket)) return hostSocket
  const running = runsDockerd({ dir: engineDir })
  say(`${running ? 'Using' : 'Starting'} a Docker Engine of our own on ${socketOf(engineDir)}`)
  return (await startDockerd({ dir: engineDir })).socket
}

async function createOwnerOnce(): Promise<void> {
  const users: { username: string; group: string }[] = JSON.parse(
    await run([binary, 'user', 'list', '--json', '--data-dir', dataDir]),
  )
  const existing = users.find(user => user.group === 'owner')
  if (existing) {
    say(`The owner is ${existing.username}`)
    return
  }
  say(`Creating the owner "${owner}"`)
  print(await run([binary, 'create-user', '-u', owner, '-g', 'owner', '--data-dir', dataDir]))
}

async function serve(socket: string): Promise<void> {
  say(`Starting cikit-api serve (its log: ${logFile})`)
  const output = openSync(logFile, 'w', 0o600)
  const { hostname: host, port } = new URL(address)
  const flags = ['--host', host, '--port', port, '--public-url', address, '--docker-host', `unix://${socket}`]
  const child = Bun.spawn([binary, 'serve', '--data-dir', dataDir, ...flags], {
    stdin: 'ignore',
    stdout: output,
    stderr: output,
    detached: true,
  })
  child.unref()
  const answered = () =>
    fetch(`${address}/`).then(
      () => servingPid() === child.pid,
      () => false,
    )
  await until(15_000, async () => child.exitCode !== null || (await answered()))
  if (child.exitCode !== null || !(await answered())) {
    throw new Obstacle(`cikit-api does not serve:\n${readFileSync(logFile, 'utf8').trim()}`)
  }
}

function tellHowToGoOn(): void {
  const api = `${address}/api/v1`
  print(`
cikit-api serves on ${address}. Three lines to begin with; 123456 stands for the code in your authenticator app:

TOKEN=$(curl -s ${api}/user/auth -H 'Content-Type: application/json' -d '{"username": "${owner}", "code": "123456"}' | grep -o '"access_token":"[0-9a-f]*' | cut -d'"' -f4)
curl -s -X POST ${api}/droplet/add -H "Authorization: Bearer $TOKEN"
curl -s ${api}/droplet/list -H "Authorization: Bearer $TOKEN"

The QR code again (this ends the sessions):  dist/cikit-api create-user -u ${owner} -g owner --data-dir ${dataDir}
To stop: npm run down    To remove droplets, engine and data, too: npm run down -- --purge`)
}
