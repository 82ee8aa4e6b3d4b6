import type { Probe } from '../../droplets/engine.ts'
import { parseHostKey } from '../../droplets/host-key.ts'
import { parseExecRuns, parseId, parseOutput } from './answers.ts'
import { type DockerClient, DockerRefusal } from './client.ts'

/** Twice this and the next are 8 s, in which a probe is over. */
const ASK_TIMEOUT_MS = 1_250
/** Longer than all that the script waits for together. */
const OUTPUT_MS = 5_500
const OUTPUT_BYTES = 64 * 1024

/**
 * Asks from within, as the engine may be on another host, where no published port is to be reached. It has to do with
 * what the smallest of systems have; what is not there is not said. No droplet shall be busy with it for long.
 */
const SCRIPT = `echo looks
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

/** systemctl(1), is-system-running; what else it says is that it did not reach systemd. */
const INIT: Record<string, Probe['init']> = {
  initializing: 'booting',
  starting: 'booting',
  running: 'running',
  degraded: 'degraded',
  maintenance: 'degraded',
  stopping: 'degraded',
}

const SILENT: Probe = { init: undefined, greets: false, hostKey: undefined }

/** Looks into droplets by `exec`. Whatever a droplet does with that, it is one that says nothing. */
export function createDockerProbe(docker: DockerClient) {
  const starting = new Map<string, PromiseWithResolvers<void>>()
  /** By droplet, what did not come to its end in time: the engine could not end it either, and it is not asked a second time meanwhile. */
  const hanging = new Map<string, string>()

  return {
    probe,
    /** While a look into this droplet is being started: resolves when it is. */
    starting: (id: string): Promise<void> | undefined => starting.get(id)?.promise,
  }

  async function probe(id: string): Promise<Probe> {
    try {
      const before = hanging.get(id)
      if (before !== undefined) {
        const isRunning = await runs(before)
        hasStarted(id)
        if (isRunning) return SILENT
      }
      const exec = await create(id)
      hanging.set(id, exec)
      starting.set(id, Promise.withResolvers())
      const output = await docker.output(
        { method: 'POST', path: `/exec/${exec}/start`, json: { Detach: false, Tty: false }, timeoutMs: ASK_TIMEOUT_MS },
        { ms: OUTPUT_MS, bytes: OUTPUT_BYTES },
        () => hasStarted(id),
      )
      if (!output.isWhole) return SILENT
      hasEnded(id)
      return parseProbe(parseOutput(output.bytes))
    } catch (error) {
      if (!(error instanceof DockerRefusal)) throw error
      // What was refused did not begin, and nothing of it hangs.
      hasEnded(id)
      return SILENT
    }
  }

  function hasEnded(id: string): void {
    hasStarted(id)
    hanging.delete(id)
  }

  function hasStarted(id: string): void {
    starting.get(id)?.resolve()
    starting.delete(id)
  }

  /** `POST /containers/ID/exec` */
  async function create(id: string): Promise<string> {
    const json = { AttachStdout: true, AttachStderr: false, Cmd: ['sh', '-c', SCRIPT] }
    return parseId(
      await docker.request({ method: 'POST', path: `/containers/${id}/exec`, json, timeoutMs: ASK_TIMEOUT_MS }),
    )
  }

  /** `GET /exec/ID/json`. One that the engine will not tell of may run. */
  async function runs(exec: string): Promise<boolean> {
    const answer = docker.request({ method: 'GET', path: `/exec/${exec}/json`, timeoutMs: ASK_TIMEOUT_MS })
    return await answer.then(parseExecRuns, error => {
      if (error instanceof DockerRefusal) return error.status !== 404
      throw error
    })
  }
}

/** @param said what the script printed, or anything else */
export function parseProbe(said: string): Probe {
  const word = (of: string) => new RegExp(`^${of} (.*)$`, 'm').exec(said)?.[1]
  const systemd = word('systemd')
  const init = systemd !== undefined && Object.hasOwn(INIT, systemd) ? INIT[systemd] : undefined
  // Where systemd is and does not say how far it got, an sshd that greets is no word for it.
  const isMute = systemd !== undefined && init === undefined
  return { init, greets: !isMute && word('greets') === 'SSH-', hostKey: parseHostKey(word('key') ?? '') }
}
