import { ConfigError } from '../../../src/core/errors.ts'
import { escapeText } from '../../../src/core/log.ts'
import type { TerminalSize } from '../../../src/droplets/engine.ts'
import { defineCommand } from '../../shared/command.ts'
import { settingArgs } from '../../shared/flags.ts'
import { call, withApi } from '../api/session.ts'
import type { SessionFile } from '../api/session-file.ts'
import { sessionFileOf } from '../api/session-file.ts'
import { keepSessionAlive } from '../api/session-keepalive.ts'
import { attachTerminal } from '../api/terminal-session.ts'
import { openLocalTerminal } from './local-terminal.ts'
import { dropletNameArg } from './name-arg.ts'

export const consoleCommand = defineCommand({
  description: 'Open a terminal in a droplet, without ssh; Ctrl-] leaves it and ends its shell',
  args: { name: dropletNameArg, ...settingArgs('session-file') },
  run: async ({ args }) => {
    if (!process.stdin.isTTY) {
      const alternative = `cikit-api droplet exec ${escapeText(args.name)} -- COMMAND`
      throw new ConfigError(`Standard input is not a terminal: in a script, use ${alternative}`)
    }
    const file = sessionFileOf(args)
    const code = await attach(file, args.name)
    // Do not wait for a pending ticket request after the user has left.
    process.exit(code)
  },
})

async function attach(file: SessionFile, name: string): Promise<number> {
  using _ = keepSessionAlive(file)
  await using local = await openLocalTerminal()
  return await attachTerminal((size, terminalId) => openTerminal(file, name, size, terminalId), local)
}

async function openTerminal(
  file: SessionFile,
  droplet: string,
  { columns, rows }: TerminalSize,
  terminalId: string | undefined,
): Promise<WebSocket> {
  // Eden does not encode path parameters.
  const { ticket } = await call(file, api => api.droplet.ticket({ droplet: encodeURIComponent(droplet) }).post())
  const query = {
    columns: String(columns),
    rows: String(rows),
    ...(terminalId !== undefined && { terminal: terminalId }),
  }
  return await withApi(file, async api => api.openTerminal(droplet, ticket, query))
}
