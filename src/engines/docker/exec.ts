import type { Execution, Printed, Program, TerminalSize } from '../../droplets/engine.ts'
import { parseExecEnd, parseId } from './answers.ts'
import { type DockerClient, DockerRefusal } from './client.ts'

const ASK_TIMEOUT_MS = 2_500
/** A busy host takes its time to start a process. */
const START_TIMEOUT_MS = 10_000
/** The engine says a moment after the end of the output how it ended. */
const END_CHECKS = 40
const END_CHECK_MS = 50

/** In the environment of all that a program begins, unless that puts on another one: by it they are found again. */
const MARK = 'CIKIT_API_EXEC'

/**
 * An engine cannot end what it has started in a container. So that is done from within: by the mark are found what carries
 * it, what that began, and what is on its terminal, which is told as when a terminal is closed, and then ended for good. All
 * that this needs is there in the smallest of systems.
 */
const END_SCRIPT = `exec 2>/dev/null
mark=$1 pids=' ' ttys=' '
is_ours() {
  case $pids in *" $2 "*) return 0 ;; esac
  case $ttys in *" $3 "*) return 0 ;; esac
  grep -qF "${MARK}=$mark" "/proc/$1/environ"
}
look() {
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
while [ "$before" != "$pids" ]; do before=$pids; look; done
[ "$pids" = ' ' ] && exit
kill -HUP $pids
kill -CONT $pids
sleep 1
look
kill -KILL $pids`

/** Runs programs in droplets: `POST /containers/ID/exec`, `POST /exec/ID/start`, `POST /exec/ID/resize`. */
export function createDockerExec(docker: DockerClient) {
  return { execute }

  /** @throws DockerRefusal when the engine does not start it, ApiError 918 */
  async function execute(id: string, { command, terminal }: Program): Promise<Execution> {
    const mark = crypto.randomUUID()
    const isTerminal = terminal !== undefined
    const exec = await create(id, {
      Cmd: command,
      Env: [`${MARK}=${mark}`, ...(isTerminal ? ['TERM=xterm-256color'] : [])],
      Tty: isTerminal,
      AttachStdin: isTerminal,
      AttachStdout: true,
      AttachStderr: true,
    })
    const path = `/exec/${exec}/start`
    const json = { Detach: false, Tty: isTerminal }
    const connection = await docker.hijack({ method: 'POST', path, json, timeoutMs: START_TIMEOUT_MS })
    const resize = async ({ columns, rows }: TerminalSize) => {
      const query = { w: String(columns), h: String(rows) }
      const request = { method: 'POST', path: `/exec/${exec}/resize`, query, timeoutMs: ASK_TIMEOUT_MS } as const
      // One that has just ended has no size any more.
      await docker.request(request).catch(ignoreRefusal)
    }
    if (terminal) await resize(terminal)
    return {
      output: isTerminal ? printedByTerminal(connection.output) : printedByProgram(connection.output),
      write: connection.write,
      resize,
      async end() {
        connection.close()
        await endMarked(id, mark)
      },
      exitCode: () => exitCodeOf(exec),
    }
  }

  async function create(id: string, json: object): Promise<string> {
    const path = `/containers/${id}/exec`
    return parseId(await docker.request({ method: 'POST', path, json, timeoutMs: ASK_TIMEOUT_MS }))
  }

  async function endMarked(id: string, mark: string): Promise<void> {
    try {
      const exec = await create(id, { Cmd: ['sh', '-c', END_SCRIPT, 'sh', mark] })
      const json = { Detach: true, Tty: false }
      await docker.request({ method: 'POST', path: `/exec/${exec}/start`, json, timeoutMs: START_TIMEOUT_MS })
    } catch (error) {
      // A droplet that was stopped meanwhile has ended all of it.
      ignoreRefusal(error)
    }
  }

  /** `GET /exec/ID/json`. An exec that is forgotten, or never says how it ended, has none. */
  async function exitCodeOf(exec: string): Promise<number | undefined> {
    for (let count = 0; count < END_CHECKS; count++) {
      const request = { method: 'GET', path: `/exec/${exec}/json`, timeoutMs: ASK_TIMEOUT_MS } as const
      const answer = await docker.request(request).catch(ignoreRefusal)
      if (answer === undefined) return undefined
      const { isRunning, exitCode } = parseExecEnd(answer)
      if (!isRunning) return exitCode
      await Bun.sleep(END_CHECK_MS)
    }
    return undefined
  }
}

function ignoreRefusal(error: unknown): undefined {
  if (!(error instanceof DockerRefusal)) throw error
}

async function* printedByTerminal(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Printed> {
  for await (const bytes of untilBroken(chunks)) yield { stream: 'stdout', bytes }
}

/**
 * Standard output (1) and error (2), each piece behind eight bytes that tell which of them it is and how long
 * (Engine API, "Attach to a container": stream format).
 */
export async function* printedByProgram(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Printed> {
  let head = Buffer.alloc(0)
  let left = 0
  let stream: Printed['stream'] = 'stdout'
  for await (const chunk of untilBroken(chunks)) {
    let rest = Buffer.from(chunk)
    while (rest.byteLength > 0) {
      if (left === 0) {
        const missing = 8 - head.byteLength
        head = Buffer.concat([head, rest.subarray(0, missing)])
        rest = rest.subarray(missing)
        if (head.byteLength < 8) break
        stream = head[0] === 2 ? 'stderr' : 'stdout'
        left = head.readUInt32BE(4)
        head = Buffer.alloc(0)
      }
      const bytes = rest.subarray(0, left)
      rest = rest.subarray(bytes.byteLength)
      left -= bytes.byteLength
      if (bytes.byteLength > 0) yield { stream, bytes }
    }
  }
}

/** A connection that breaks is the end of the output, as an engine's end is the end of what it ran. */
async function* untilBroken(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch {}
}
