import type { Probe } from '../../droplets/engine.ts'
import { parseHostKey } from '../../users/ssh-keys/host-key.ts'
import type { DockerClient } from './client.ts'
import { parseStandardOutput } from './multiplexed-output.ts'
import { DockerApiError } from './response-body.ts'
import { parseExecRunning, parseId } from './responses.ts'

/** Two queries and the output limit add up to 8 s at most. */
const QUERY_TIMEOUT_MS = 1_250
/** Longer than all timeouts of the script together. */
const OUTPUT_TIMEOUT_MS = 5_500
const MAX_OUTPUT_BYTES = 64 * 1024

/**
 * Probes from inside, because the engine may be on another host whose published ports are unreachable. Uses only tools of
 * minimal systems, omits what is missing, and limits its run time.
 */
const PROBE_SCRIPT = `echo started
at_most() { if command -v timeout >/dev/null; then timeout "$@"; else shift; "$@"; fi; }
exec 2>/dev/null
for kind in ed25519 ecdsa rsa; do
  read -r type key rest </etc/ssh/ssh_host_\${kind}_key.pub && echo "key $type $key" && break
done
[ -d /run/systemd/system ] && echo "systemd $(at_most 3 systemctl is-system-running)"
if command -v bash >/dev/null; then
  at_most 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/22 && read -r -n 4 -t 2 word <&3 && echo "greets $word"'
else
  echo "greets $(at_most 2 nc 127.0.0.1 22 </dev/null | head -c 4)"
fi`

/** systemctl(1), is-system-running. Any other output means that systemd was not reached. */
const INIT_STATES: Record<string, Probe['init']> = {
  initializing: 'booting',
  starting: 'booting',
  running: 'running',
  degraded: 'degraded',
  maintenance: 'degraded',
  stopping: 'degraded',
}

const NO_RESPONSE: Probe = { init: undefined, sshResponds: false, hostKey: undefined }

/** Probes droplets by `exec`. Whatever goes wrong inside a droplet yields an empty result. */
export function createDockerProbe(docker: DockerClient) {
  const startingExecs = new Map<string, PromiseWithResolvers<void>>()
  /** Execs that did not end in time, keyed by droplet. The engine cannot kill them, so no other probe starts before they end. */
  const hangingExecs = new Map<string, string>()

  return {
    probe,
    /** Resolves when the exec has started; undefined if none is starting in this droplet. */
    execStarting: (id: string): Promise<void> | undefined => startingExecs.get(id)?.promise,
  }

  async function probe(id: string): Promise<Probe> {
    try {
      const hangingExec = hangingExecs.get(id)
      if (hangingExec !== undefined) {
        const isRunning = await isExecRunning(hangingExec)
        markStarted(id)
        if (isRunning) return NO_RESPONSE
      }
      const execId = await createExec(id)
      hangingExecs.set(id, execId)
      startingExecs.set(id, Promise.withResolvers())
      const output = await docker.collectOutput(
        {
          method: 'POST',
          path: `/exec/${execId}/start`,
          json: { Detach: false, Tty: false },
          timeoutMs: QUERY_TIMEOUT_MS,
        },
        { ms: OUTPUT_TIMEOUT_MS, bytes: MAX_OUTPUT_BYTES },
        () => markStarted(id),
      )
      if (!output.isComplete) return NO_RESPONSE
      markEnded(id)
      return parseProbe(parseStandardOutput(output.bytes))
    } catch (error) {
      if (!(error instanceof DockerApiError)) throw error
      // A rejected exec has not started, so nothing hangs.
      markEnded(id)
      return NO_RESPONSE
    }
  }

  function markEnded(id: string): void {
    markStarted(id)
    hangingExecs.delete(id)
  }

  function markStarted(id: string): void {
    startingExecs.get(id)?.resolve()
    startingExecs.delete(id)
  }

  /** `POST /containers/ID/exec` */
  async function createExec(id: string): Promise<string> {
    const json = { AttachStdout: true, AttachStderr: false, Cmd: ['sh', '-c', PROBE_SCRIPT] }
    return parseId(
      await docker.request({ method: 'POST', path: `/containers/${id}/exec`, json, timeoutMs: QUERY_TIMEOUT_MS }),
    )
  }

  /** `GET /exec/ID/json`. If the engine does not answer that, the exec may still be running. */
  async function isExecRunning(execId: string): Promise<boolean> {
    const response = docker.request({ method: 'GET', path: `/exec/${execId}/json`, timeoutMs: QUERY_TIMEOUT_MS })
    return await response.then(parseExecRunning, error => {
      if (error instanceof DockerApiError) return error.status !== 404
      throw error
    })
  }
}

/** @param output the script's output, which is untrusted */
export function parseProbe(output: string): Probe {
  const field = (key: string) => new RegExp(`^${key} (.*)$`, 'm').exec(output)?.[1]
  const systemd = field('systemd')
  const init = systemd !== undefined && Object.hasOwn(INIT_STATES, systemd) ? INIT_STATES[systemd] : undefined
  // If systemd runs but cannot be asked, a responding sshd does not prove that the boot is complete.
  const isSystemdUnreachable = systemd !== undefined && init === undefined
  return {
    init,
    sshResponds: !isSystemdUnreachable && field('greets') === 'SSH-',
    hostKey: parseHostKey(field('key') ?? ''),
  }
}
