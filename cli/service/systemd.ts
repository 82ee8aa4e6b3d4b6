import { existsSync } from 'node:fs'
import { OperatorError } from '../../src/errors.ts'
import { runProgram } from '../program.ts'
import { layout } from './layout.ts'

/** What systemd says of the service. */
export interface UnitState {
  /** `active`, `activating`, `failed`, `inactive` … */
  active: string
  /** `running`, `auto-restart` … */
  sub: string
  /** Of the service itself; 0 for none. */
  pid: number
  enabled: boolean
  /** Its unit is another one than systemd has read. */
  stale: boolean
}

/** @throws OperatorError where systemd is not what runs this host */
export function requireSystemd(): void {
  // sd_booted(3)
  if (existsSync('/run/systemd/system')) return
  throw new OperatorError(
    'No systemd runs this host: let whatever starts services here run cikit-api serve, under a user of its own',
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
 * @returns what it printed
 * @throws OperatorError with what it complained of
 */
export async function systemctl(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(['systemctl', ...words])
  if (code === 0) return stdout
  const said = stderr.trim().replaceAll('\n', '; ')
  throw new OperatorError(`systemctl ${words.join(' ')} failed (${code}): ${said}`)
}

/** The last line that the service itself complained with, if there is any. */
export async function lastComplaint(): Promise<string | undefined> {
  const { stdout } = await runProgram(['journalctl', '-u', layout.unitName, '-n', '50', '-o', 'cat', '--no-pager'])
  const lines = stdout.split('\n').filter(line => line.startsWith('cikit-api: '))
  return lines.at(-1)?.slice('cikit-api: '.length)
}
