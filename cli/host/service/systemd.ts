import { existsSync } from 'node:fs'
import { OperatorError } from '../../../src/core/errors.ts'
import { runProgram } from '../../shared/run-program.ts'
import { layout } from './layout.ts'

/** The state of the service in systemd. */
interface UnitState {
  /** `active`, `activating`, `failed`, `inactive` … */
  active: string
  /** `running`, `auto-restart` … */
  sub: string
  /** Main process of the service; 0 for none. */
  pid: number
  enabled: boolean
  /** The unit file has changed since systemd read it. */
  stale: boolean
}

/** @throws OperatorError if this host does not run systemd */
export function requireSystemd(): void {
  // sd_booted(3)
  if (existsSync('/run/systemd/system')) return
  throw new OperatorError(
    'This host does not run systemd: let its service manager run cikit-api serve, under a separate user',
  )
}

export async function unitState(): Promise<UnitState> {
  const properties = 'ActiveState,SubState,MainPID,UnitFileState,NeedDaemonReload'
  const text = await systemctl('show', '--property', properties, layout.unitName)
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? ''
  return {
    active: value('ActiveState'),
    sub: value('SubState'),
    pid: Number(value('MainPID')),
    enabled: value('UnitFileState') === 'enabled',
    stale: value('NeedDaemonReload') === 'yes',
  }
}

/**
 * @returns its output
 * @throws OperatorError with its error output
 */
export async function systemctl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(['systemctl', ...args])
  if (code === 0) return stdout
  const message = stderr.trim().replaceAll('\n', '; ')
  throw new OperatorError(`systemctl ${args.join(' ')} failed (${code}): ${message}`)
}

/**
 * The service's last error message, or else systemd's message about its exit.
 * @param since milliseconds since 1970
 */
export async function failureReasonSince(since: number): Promise<string | undefined> {
  const from = `@${Math.floor(since / 1000)}`
  const options = ['--since', from, '-o', 'cat', '--no-pager'] as const
  const { stdout } = await runProgram(['journalctl', '-u', layout.unitName, ...options])
  const lines = stdout.split('\n')
  const own = lines.findLast(line => line.startsWith('cikit-api: '))
  return own?.slice('cikit-api: '.length) ?? lines.findLast(line => line.includes('rocess exited, '))
}
