import type { Execution, Program, TerminalSize } from '../../droplets/engine.ts'
import type { DockerClient } from './client.ts'
import { demultiplexOutput, readTerminalOutput } from './multiplexed-output.ts'
import { DockerApiError } from './response-body.ts'
import { parseExecState, parseId } from './responses.ts'

const QUERY_TIMEOUT_MS = 2_500
/** Starting a process takes long on a busy host. */
const START_TIMEOUT_MS = 10_000
/** The exit code is available shortly after the output ends. */
const EXIT_CODE_ATTEMPTS = 40
const EXIT_CODE_POLL_MS = 50

/** Environment variable inherited by everything a program starts, used to find those processes again. */
const MARKER_VARIABLE = 'CIKIT_API_EXEC'

/**
 * The Engine API cannot kill an exec, so a script inside the container does: it finds the processes with the marker, their
 * children and those on their terminals, sends them SIGHUP as a closing terminal does, and then SIGKILL. It only needs
 * tools of minimal systems.
 */
const KILL_SCRIPT = `exec 2>/dev/null
mark=$1 pids=' ' ttys=' '
is_ours() {
  case $pids in *" $2 "*) return 0 ;; esac
  case $ttys in *" $3 "*) return 0 ;; esac
  grep -qF "${MARKER_VARIABLE}=$mark" "/proc/$1/environ"
}
find_processes() {
  for dir in /proc/[0-9]*; do
    pid=\${dir#/proc/}
    case $pids in *" $pid "*) continue ;; esac
    read -r stat <"$dir/stat" || continue
    set -- \${stat##*) }
    is_ours "$pid" "$2" "$5" || continue
    pids="$pids$pid "
    [ "$5" = 0 ] || ttys="$ttys$5 "
  done
}
before=
while [ "$before" != "$pids" ]; do before=$pids; find_processes; done
[ "$pids" = ' ' ] && exit
kill -HUP $pids
kill -CONT $pids
sleep 1
find_processes
kill -KILL $pids`

/** Runs programs in droplets: `POST /containers/ID/exec`, `POST /exec/ID/start`, `POST /exec/ID/resize`. */
export function createDockerExec(docker: DockerClient) {
  return { execute }

  /** @throws DockerApiError when the engine does not start it, ApiError 918 */
  async function execute(id: string, { command, terminal }: Program): Promise<Execution> {
    const marker = crypto.randomUUID()
    const hasTerminal = terminal !== undefined
    const execId = await create(id, {
      Cmd: command,
      Env: [`${MARKER_VARIABLE}=${marker}`, ...(hasTerminal ? ['TERM=xterm-256color'] : [])],
      Tty: hasTerminal,
      AttachStdin: hasTerminal,
      AttachStdout: true,
      AttachStderr: true,
    })
    const path = `/exec/${execId}/start`
    const json = { Detach: false, Tty: hasTerminal }
    const connection = await docker.hijack({ method: 'POST', path, json, timeoutMs: START_TIMEOUT_MS })
    const resize = async ({ columns, rows }: TerminalSize) => {
      const query = { w: String(columns), h: String(rows) }
      const request = { method: 'POST', path: `/exec/${execId}/resize`, query, timeoutMs: QUERY_TIMEOUT_MS } as const
      // Fails harmlessly if the program has just exited.
      await docker.request(request).catch(ignoreApiError)
    }
    if (terminal) await resize(terminal)
    return {
      output: hasTerminal ? readTerminalOutput(connection.output) : demultiplexOutput(connection.output),
      write: connection.write,
      resize,
      async kill() {
        connection.close()
        await killMarked(id, marker)
      },
      exitCode: () => exitCodeOf(execId),
    }
  }

  async function create(id: string, json: object): Promise<string> {
    const path = `/containers/${id}/exec`
    return parseId(await docker.request({ method: 'POST', path, json, timeoutMs: QUERY_TIMEOUT_MS }))
  }

  async function killMarked(id: string, marker: string): Promise<void> {
    try {
      const execId = await create(id, { Cmd: ['sh', '-c', KILL_SCRIPT, 'sh', marker] })
      const json = { Detach: true, Tty: false }
      await docker.request({ method: 'POST', path: `/exec/${execId}/start`, json, timeoutMs: START_TIMEOUT_MS })
    } catch (error) {
      // If the droplet was stopped in the meantime, nothing is left to kill.
      ignoreApiError(error)
    }
  }

  /** `GET /exec/ID/json`. Undefined if the engine no longer knows the exec or does not report an exit code in time. */
  async function exitCodeOf(execId: string): Promise<number | undefined> {
    for (let attempt = 0; attempt < EXIT_CODE_ATTEMPTS; attempt++) {
      const request = { method: 'GET', path: `/exec/${execId}/json`, timeoutMs: QUERY_TIMEOUT_MS } as const
      const response = await docker.request(request).catch(ignoreApiError)
      if (response === undefined) return undefined
      const { isRunning, exitCode } = parseExecState(response)
      if (!isRunning) return exitCode
      await Bun.sleep(EXIT_CODE_POLL_MS)
    }
    return undefined
  }
}

function ignoreApiError(error: unknown): undefined {
  if (!(error instanceof DockerApiError)) throw error
}
