import type { Audit } from '../../audit/service.ts'
import type { Actor } from '../../core/actor.ts'
import { ApiError } from '../../core/errors.ts'
import { timedOut, withTimeout } from '../../core/timeout.ts'
import type { Database } from '../../store/database.ts'
import type { User } from '../../store/users.ts'
import type { DropletEngine, Execution, OutputChunk } from '../engine.ts'
import type { DropletService } from '../service.ts'
import type { ConnectionSlots } from './slots.ts'

/** Of each of its two outputs. */
const MAX_OUTPUT_BYTES = 1024 * 1024

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
  audit: Pick<Audit, 'recordStart' | 'recordEnd' | 'defer'>
  db: Pick<Database, 'write'>
  slots: ConnectionSlots
}) {
  const { engine, droplets, audit, db, slots } = deps

  return {
    /**
     * @param signal ends the command: nobody waits for what it comes to
     * @throws ApiError 900, 918, 922, 936 when it took longer than that, 938
     */
    async run(
      caller: { actor: Actor; user: User },
      name: string,
      { command, timeoutMs }: { command: readonly string[]; timeoutMs: number },
      signal: AbortSignal,
    ): Promise<CommandResult> {
      const droplet = await droplets.findRunning(name)
      using _ = slots.acquire(caller.user.id)
      // Durable before the engine hears of it.
      const pendingRecord = await db.write(() => audit.recordStart(caller.actor, name))
      try {
        const result = await waitForResult(await engine.execute(droplet.id, { command }), timeoutMs, signal)
        await recordEnd(() => audit.recordEnd(pendingRecord, name))
        return result
      } catch (error) {
        await recordEnd(() => audit.recordEnd(pendingRecord, name, error))
        throw error
      }
    },
  }

  /** What was done is not undone because it cannot be recorded yet. */
  async function recordEnd(write: () => void): Promise<void> {
    await db.write(write).catch(() => audit.defer(write, () => undefined))
  }
}

async function waitForResult(execution: Execution, timeoutMs: number, signal: AbortSignal): Promise<CommandResult> {
  const output = await withTimeout(collectOutput(execution.output), timeoutMs, signal)
  if (output === timedOut) {
    await execution.kill()
    throw new ApiError('commandTimeout')
  }
  return { ...output, exit: await execution.exitCode() }
}

async function collectOutput(output: AsyncIterable<OutputChunk>): Promise<Omit<CommandResult, 'exit'>> {
  const chunksByStream = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] }
  const remaining = { stdout: MAX_OUTPUT_BYTES, stderr: MAX_OUTPUT_BYTES }
  let truncated = false
  for await (const { stream, bytes } of output) {
    const accepted = bytes.subarray(0, remaining[stream])
    if (accepted.byteLength < bytes.byteLength) truncated = true
    remaining[stream] -= accepted.byteLength
    chunksByStream[stream].push(accepted)
  }
  const decode = (chunks: Uint8Array[]) => new TextDecoder().decode(Buffer.concat(chunks))
  return { stdout: decode(chunksByStream.stdout), stderr: decode(chunksByStream.stderr), truncated }
}
