import type { Config } from '../../../src/config/config.ts'
import { DEFAULT_IMAGE } from '../../../src/config/parse.ts'
import { ApiError } from '../../../src/core/errors.ts'
import type { Droplet } from '../../../src/droplets/engine.ts'
import { createDockerClient } from '../../../src/engines/docker/client.ts'
import { createDockerEngine } from '../../../src/engines/docker/engine.ts'
import { type EngineReport, inspectEngine } from '../../../src/engines/docker/inspect.ts'
import { type Finding, failed, ok, warning } from './finding.ts'

/** A code is good for 30 seconds and the 30 after: a phone goes by the true time, and so should this host. */
const CLOCK_SKEW_WARNING_MS = 5_000
const CLOCK_SKEW_FAILED_MS = 30_000

/** Whether droplets can be made there, and which there are; undefined where that cannot be said. */
export async function checkEngine(
  config: Config,
  now: () => number,
): Promise<{ findings: Finding[]; droplets: Droplet[] | undefined }> {
  const { image, prefix } = config.droplets
  const docker = createDockerClient(config.engine)
  const address = config.engine.kind === 'unix' ? config.engine.path : config.engine.origin
  try {
    const report = await inspectEngine(docker, image, now)
    const engine = createDockerEngine(docker, { image, prefix })
    const droplets = await Promise.all((await engine.list()).map(({ id }) => engine.inspect(id)))
    const findings = [
      ok('engine', `${report.description} at ${address}, with ${formatDropletCount(droplets.length)}`),
      checkCgroups(report),
      checkImage(report, image),
      checkClock(report),
    ]
    return { findings, droplets: droplets.filter(droplet => droplet !== undefined) }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const text = `${address} does not answer (${describeCause(error)}): start Docker, let this user use its socket, or name it by --docker-host`
    return { findings: [failed('engine', text)], droplets: undefined }
  }
}

function checkCgroups({ unfitReason, description }: EngineReport): Finding {
  return unfitReason === undefined
    ? ok('cgroups', `systemd boots in droplets with ${description}`)
    : failed('cgroups', unfitReason)
}

function checkImage({ hasImage }: EngineReport, image: string): Finding {
  if (hasImage) return ok('droplet image', `${image} is on the engine`)
  const remedy =
    image === DEFAULT_IMAGE
      ? 'the first add builds it, or cikit-api image build does now'
      : 'the first add pulls it, or docker pull does now'
  return warning('droplet image', `${image} is not on the engine: ${remedy}`)
}

function checkClock({ clockAheadMs }: EngineReport): Finding {
  if (Number.isNaN(clockAheadMs))
    return warning('clock', "the engine does not tell its time: see that this host's is right")
  const seconds = Math.round(Math.abs(clockAheadMs) / 1000)
  const text = `the engine's clock is ${seconds} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this host's`
  const remedy = 'let both be set by NTP, or codes are refused'
  if (Math.abs(clockAheadMs) >= CLOCK_SKEW_FAILED_MS) return failed('clock', `${text}: ${remedy}`)
  if (Math.abs(clockAheadMs) >= CLOCK_SKEW_WARNING_MS) return warning('clock', `${text}: ${remedy}`)
  return ok('clock', "it goes with the engine's")
}

function describeCause({ cause, message }: ApiError): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return socketErrors[code] ?? (cause instanceof Error ? cause.message : message)
}

const socketErrors: Record<string, string> = {
  ENOENT: 'there is no such socket',
  EACCES: 'this user may not use it',
  ECONNREFUSED: 'nobody listens there',
}

function formatDropletCount(droplets: number): string {
  return droplets === 1 ? '1 droplet' : `${droplets} droplets`
}
