import { DEFAULT_IMAGE } from '../../../src/config/parse.ts'
import type { Config } from '../../../src/config/types.ts'
import { errorCode } from '../../../src/core/error-code.ts'
import { ApiError } from '../../../src/core/errors.ts'
import type { Droplet } from '../../../src/droplets/engine.ts'
import { createDockerClient } from '../../../src/engines/docker/client.ts'
import { createDockerEngine } from '../../../src/engines/docker/engine.ts'
import { type EngineReport, inspectEngine } from '../../../src/engines/docker/inspect.ts'
import { pluralize } from '../../shared/pluralize.ts'
import { type Finding, failed, ok, warning } from './finding.ts'

/** TOTP codes are valid for 30 seconds and the 30 after, by the phone's clock. */
const CLOCK_SKEW_WARNING_MS = 5_000
const CLOCK_SKEW_FAILED_MS = 30_000

/** Checks that the engine can run droplets. @returns also its droplets; undefined if it does not answer */
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
      ok('engine', `${report.description} at ${address}, with ${pluralize(droplets.length, 'droplet')}`),
      checkCgroups(report),
      checkImage(report, image),
      checkClock(report),
    ]
    return { findings, droplets: droplets.filter(droplet => droplet !== undefined) }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const text = `${address} does not answer (${describeCause(error)}): start Docker, give this user access to its socket, or set --docker-host`
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
      ? 'the first add builds it, or build it now with cikit-api image build'
      : 'the first add pulls it, or pull it now with docker pull'
  return warning('droplet image', `${image} is not on the engine: ${remedy}`)
}

function checkClock({ clockAheadMs }: EngineReport): Finding {
  if (Number.isNaN(clockAheadMs))
    return warning('clock', "the engine does not report its time: check this host's clock")
  const seconds = Math.round(Math.abs(clockAheadMs) / 1000)
  const text = `the engine's clock is ${seconds} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this host's`
  const remedy = 'synchronise both with NTP, or codes are rejected'
  if (Math.abs(clockAheadMs) >= CLOCK_SKEW_FAILED_MS) return failed('clock', `${text}: ${remedy}`)
  if (Math.abs(clockAheadMs) >= CLOCK_SKEW_WARNING_MS) return warning('clock', `${text}: ${remedy}`)
  return ok('clock', "in step with the engine's")
}

function describeCause({ cause, message }: ApiError): string {
  return socketErrors[errorCode(cause) ?? ''] ?? (cause instanceof Error ? cause.message : message)
}

const socketErrors: Record<string, string> = {
  ENOENT: 'no such socket',
  EACCES: 'permission denied',
  ECONNREFUSED: 'connection refused',
}
