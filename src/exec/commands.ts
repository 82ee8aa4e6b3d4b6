import type { Act, Audit } from '../audit/service.ts'
import type { DropletEngine, Execution, Printed } from '../droplets/engine.ts'
import type { DropletService } from '../droplets/service.ts'
import { ApiError } from '../errors.ts'
import type { Database } from '../store/database.ts'
import type { User } from '../store/users.ts'
import type { Places } from './places.ts'

/** Of each of its two outputs. */
const KEPT_BYTES = 1024 * 1024

/** What a command came to. */
export interface CommandResult {
  /** Its exit code; 128 and more is a signal, as shells have it. Undefined when nobody knows: its droplet was stopped. */
  exit: number | undefined
  stdout: string
  stderr: string
  /** Whether one of the two was longer than a MiB: the beginning is here. */
  truncated: boolean
}

export type Commands = ReturnType<typeof createCommands>

/** Commands in droplets, for scripts: begun, waited for, and told of in the audit. */
export function createCommands(deps: {
  engine: Pick<DropletEngine, 'execute'>
  droplets: Pick<DropletService, 'findRunning'>
  audit: Pick<Audit, 'begin' | 'end' | 'later'>
  db: Pick<Database, 'write'>
  places: Places
}) {
  const { engine, droplets, audit, db, places } = deps

  return {
    /**
     * @param signal ends the command: nobody waits for what it comes to
     * @throws ApiError 900, 918, 922, 936 when it took longer than that, 938
     */
    async run(
      caller: { act: Act; user: User },
      name: string,
      { command, timeoutMs }: { command: readonly string[]; timeoutMs: number },
      signal: AbortSignal,
    ): Promise<CommandResult> {
      const droplet = await droplets.findRunning(name)
      using _ = places.take(caller.user.id)
      // Durable before the engine hears of it.
      const begun = await db.write(() => audit.begin(caller.act, name))
      try {
        const result = await finish(await engine.execute(droplet.id, { command }), timeoutMs, signal)
        await recordEnd(() => audit.end(begun, name))
        return result
      } catch (error) {
        await recordEnd(() => audit.end(begun, name, error))
        throw error
      }
    },
  }

  /** What was done is not undone because it cannot be recorded yet. */
  async function recordEnd(write: () => void): Promise<void> {
    await db.write(write).catch(() => audit.later(write, () => undefined))
  }
}

async function finish(execution: Execution, timeoutMs: number, signal: AbortSignal): Promise<CommandResult> {
  const limit = Promise.withResolvers<'late'>()
  const timer = setTimeout(limit.resolve, timeoutMs, 'late')
  const leave = () => limit.resolve('late')
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  try {
    const printed = collect(execution.output)
    if ((await Promise.race([printed, limit.promise])) === 'late') {
      await execution.end()
      throw new ApiError('commandTimeout')
    }
    return { ...(await printed), exit: await execution.exitCode() }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
  }
}

async function collect(output: AsyncIterable<Printed>): Promise<Omit<CommandResult, 'exit'>> {
  const kept = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] }
  const left = { stdout: KEPT_BYTES, stderr: KEPT_BYTES }
  let truncated = false
  for await (const { stream, bytes } of output) {
    const taken = bytes.subarray(0, left[stream])
    if (taken.byteLength < bytes.byteLength) truncated = true
    left[stream] -= taken.byteLength
    kept[stream].push(taken)
  }
  const text = (chunks: Uint8Array[]) => new TextDecoder().decode(Buffer.concat(chunks))
  return { stdout: text(kept.stdout), stderr: text(kept.stderr), truncated }
}
