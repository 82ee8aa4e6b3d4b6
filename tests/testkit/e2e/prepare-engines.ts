import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { enginePackages, installPackages } from '../../../scripts/lib/debian.ts'
import type { Dockerd } from '../../../scripts/lib/dockerd.ts'
import { engineApi, importImage } from '../../../scripts/lib/engine-api.ts'
import { debootstrap, ensureDropletImage } from '../../../scripts/lib/images.ts'
import { run } from '../../../scripts/lib/run.ts'
import { logStep } from '../../../scripts/lib/terminal.ts'
import { DEFAULT_IMAGE } from '../../../src/config/parse.ts'
import { cacheDir, docker28Root, type EngineKind, SMALL_IMAGE, startEngine, type TestEngine } from './engines.ts'

const dropletTarball = join(cacheDir, 'cikit-droplet.tar')
const smallTarball = join(cacheDir, 'small.tar')

/** Creates the trees and images of all engines. They are cached for later runs. */
export async function prepareEngines(): Promise<void> {
  mkdirSync(cacheDir, { recursive: true })
  await installPackages(enginePackages)
  await createSmallTarball()
  if (!existsSync(docker28Root)) {
    logStep("Installing Docker 28 from Debian's next release with debootstrap (a minute)")
    await debootstrap('forky', docker28Root, ['docker.io', 'iptables', 'ca-certificates'])
  }
  await withEngine('host', async engine => {
    if (isPrepared('host')) return
    await removeDefaultImage(engine)
    await ensureDropletImage(engine.socket)
    await saveImage(engine, DEFAULT_IMAGE, dropletTarball)
    await importSmallImage(engine)
    markPrepared('host')
  })
  for (const kind of ['cgroup2', 'docker28'] as const) {
    if (isPrepared(kind)) continue
    logStep(`Preparing the engine ${kind}`)
    await withEngine(kind, async engine => {
      await removeDefaultImage(engine)
      await loadImage(engine, dropletTarball)
      await importSmallImage(engine)
    })
    markPrepared(kind)
  }
}

async function withEngine(kind: EngineKind, work: (engine: TestEngine) => Promise<void>): Promise<void> {
  const engine = await startEngine(kind)
  try {
    await work(engine)
  } finally {
    await engine.stop()
  }
}

async function createSmallTarball(): Promise<void> {
  if (existsSync(smallTarball)) return
  const tree = join(cacheDir, 'small')
  mkdirSync(join(tree, 'bin'), { recursive: true })
  mkdirSync(join(tree, 'root'), { recursive: true })
  await run(['cp', '/bin/busybox', join(tree, 'bin/busybox')])
  await run(['tar', '-C', tree, '--owner=0', '--group=0', '-cf', smallTarball, '.'])
  rmSync(tree, { recursive: true })
}

async function importSmallImage(engine: Dockerd): Promise<void> {
  // 37 is SIGRTMIN+3 on Linux.
  const script = "trap 'exit 0' 37 TERM; while :; do /bin/busybox sleep 1000 & wait $!; done"
  await importImage(engine.socket, SMALL_IMAGE, smallTarball, [
    `CMD ${JSON.stringify(['/bin/busybox', 'sh', '-c', script])}`,
  ])
}

async function removeDefaultImage(engine: Dockerd): Promise<void> {
  await engineApi(engine.socket, 'DELETE', `/images/${DEFAULT_IMAGE}?force=1`)
}

async function saveImage(engine: Dockerd, image: string, file: string): Promise<void> {
  const response = await engineApi(engine.socket, 'GET', `/images/${image}/get`)
  if (!response.ok) throw new Error(`cannot save ${image}: ${await response.text()}`)
  await Bun.write(file, response)
}

async function loadImage(engine: Dockerd, file: string): Promise<void> {
  const response = await engineApi(engine.socket, 'POST', '/images/load', Bun.file(file))
  const output = await response.text()
  if (!response.ok || output.includes('"error"')) throw new Error(`cannot load ${file}: ${output}`)
}

/** A changed Dockerfile needs a new image, so an engine counts as prepared for one Dockerfile. */
function dropletDockerfile(): string {
  return readFileSync(new URL('../../../src/engines/docker/droplet-image/Dockerfile', import.meta.url), 'utf8')
}

function isPrepared(kind: EngineKind): boolean {
  const file = join(cacheDir, `prepared-${kind}`)
  return existsSync(file) && existsSync(dropletTarball) && readFileSync(file, 'utf8') === dropletDockerfile()
}

function markPrepared(kind: EngineKind): void {
  writeFileSync(join(cacheDir, `prepared-${kind}`), dropletDockerfile())
}
