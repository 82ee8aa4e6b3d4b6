import type { Audit } from '../../audit/service.ts'
import type { Actor } from '../../core/actor.ts'
import { ApiError } from '../../core/errors.ts'
import { timedOut, withTimeout } from '../../core/timeout.ts'
import type { Database } from '../../store/database.ts'
import type { User } from '../../store/users.ts'
import type { DropletEngine, Execution, OutputChunk } from '../engine.ts'
import type { DropletService } from '../service.ts'
import type { ConnectionSlots } from './slots.ts'

/** Limit of `stdout` and of `stderr`. */
const MAX_OUTPUT_BYTES = 1024 * 1024

export interface CommandResult {
  /** 128 + n for signal n, as in shells. Undefined if it is unknown because the droplet was stopped. */
  exit: number | undefined
  stdout: string
  stderr: string
  /** Whether `stdout` or `stderr` was cut off after 1 MiB. */
  truncated: boolean
}

export type Commands = ReturnType<typeof createCommands>

/** Non-interactive commands in droplets, recorded in the audit log. */
export function createCommands(deps: {
  engine: Pick<DropletEngine, 'execute'>
  droplets: Pick<DropletService, 'findRunning'>
  audit: Pick<Audit, 'recordStart' | 'recordEnd' | 'writeOrDefer'>
  db: Pick<Database, 'write'>
  slots: ConnectionSlots
}) {
  const { engine, droplets, audit, db, slots } = deps

  return {
    /**
     * @param signal kills the command when the client disconnects
     * @throws ApiError 900, 918, 922, 936 after `timeoutMs`, 938
     */
    async run(
      caller: { actor: Actor; user: User },
      name: string,
      { command, timeoutMs }: { command: readonly string[]; timeoutMs: number },
      signal: AbortSignal,
    ): Promise<CommandResult> {
      const droplet = await droplets.findRunning(name)
      using _ = slots.acquire(caller.user.id)
      // Durable before the command starts.
      const pendingRecord = await db.write(() => audit.recordStart(caller.actor, name))
      try {
        const result = await waitForResult(await engine.execute(droplet.id, { command }), timeoutMs, signal)
        await audit.writeOrDefer(() => audit.recordEnd(pendingRecord, name))
        return result
      } catch (error) {
        await audit.writeOrDefer(() => audit.recordEnd(pendingRecord, name, error))
        throw error
      }
    },
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
