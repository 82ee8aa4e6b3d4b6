import type { Fields } from '../../api/http/body.ts'
import { ApiError } from '../../core/errors.ts'
import type { TerminalSize } from '../engine.ts'
import type { CommandResult } from './commands.ts'
import type { resultBody } from './schema.ts'

const MAX_TIMEOUT_SECONDS = 600
const DEFAULT_TIMEOUT_SECONDS = 60
const MAX_ARGUMENTS = 256
const MAX_TERMINAL_SIDE = 1_000

export function toResultBody({ exit, ...output }: CommandResult): typeof resultBody.static {
  return { exit: exit ?? null, ...output }
}

/** @throws ApiError 917 */
export function parseCommand({ command, timeout }: Fields): { command: string[]; timeoutMs: number } {
  return { command: parseArguments(command), timeoutMs: parseTimeout(timeout) * 1000 }
}

function parseArguments(command: unknown): string[] {
  const isArgument = (argument: unknown) => typeof argument === 'string' && !argument.includes('\0')
  if (!Array.isArray(command) || command.length > MAX_ARGUMENTS || !command.every(isArgument) || !command[0]) {
    throw malformed('"command" is a list of texts, the program first: ["ls","-l"]; for a shell ["sh","-c","…"]')
  }
  return command
}

function parseTimeout(timeout: unknown): number {
  if (timeout === undefined) return DEFAULT_TIMEOUT_SECONDS
  if (typeof timeout === 'number' && Number.isInteger(timeout) && timeout >= 1 && timeout <= MAX_TIMEOUT_SECONDS) {
    return timeout
  }
  throw malformed(`"timeout" is a whole number of seconds, 1 to ${MAX_TIMEOUT_SECONDS}`)
}

/** What a terminal is opened with. */
export interface TerminalOptions {
  size: TerminalSize
  /** The id of one that is to be taken up again. */
  terminalId: string | undefined
}

/** @throws ApiError 917 */
export function parseTerminalQuery(query: Record<string, string | undefined>): TerminalOptions {
  const unknownParameter = Object.keys(query).find(name => !['columns', 'rows', 'terminal'].includes(name))
  if (unknownParameter !== undefined) throw malformed('A terminal takes columns, rows and terminal')
  const { columns = '80', rows = '24', terminal } = query
  const size = toSize(Number(columns), Number(rows))
  if (!size) throw malformed(`"columns" and "rows" are 1 to ${MAX_TERMINAL_SIDE}`)
  return { size, terminalId: terminal || undefined }
}

/** What a client says beside what is typed: `{"resize":{"columns":80,"rows":24}}`; undefined for anything else. */
export function parseTerminalMessage(text: string): { resize: TerminalSize } | undefined {
  try {
    const { resize } = JSON.parse(text)
    const size = toSize(resize.columns, resize.rows)
    return size && { resize: size }
  } catch {
    return undefined
  }
}

function toSize(columns: unknown, rows: unknown): TerminalSize | undefined {
  return isTerminalSide(columns) && isTerminalSide(rows) ? { columns, rows } : undefined
}

function isTerminalSide(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_TERMINAL_SIDE
}

function malformed(text: string): ApiError {
  return new ApiError('malformed', { text })
}
