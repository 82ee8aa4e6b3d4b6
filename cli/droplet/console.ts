import { ConfigError } from '../../src/errors.ts'
import { escapeText } from '../../src/log.ts'
import { call, withApi } from '../client/client.ts'
import type { SessionFile } from '../client/session-file.ts'
import type { TerminalSize } from '../client/terminal-link.ts'
import { attendTerminal } from '../client/terminal-session.ts'
import { command, sessionFileOf, settingArgs } from '../command.ts'
import { keepSession } from '../kept-session.ts'
import { openLocalTerminal } from '../local-terminal.ts'
import { name } from './name.ts'

export const console = command({
  meta: {
    name: 'cikit-api droplet console',
    description: 'Open a terminal in a droplet, without ssh; Ctrl-] leaves it, and its shell ends',
  },
  args: { name, ...settingArgs('session-file') },
  run: async ({ args }) => {
    if (!process.stdin.isTTY) {
      const instead = `cikit-api droplet exec ${escapeText(args.name)} -- COMMAND`
      throw new ConfigError(`There is no terminal on standard input: for a script there is ${instead}`)
    }
    const file = sessionFileOf(args)
    const code = await attend(file, args.name)
    // A ticket that is being asked for is not waited for when the person has left.
    process.exit(code)
  },
})

async function attend(file: SessionFile, name: string): Promise<number> {
  using _ = keepSession(file)
  await using local = await openLocalTerminal()
  return await attendTerminal((size, terminal) => open(file, name, size, terminal), local)
}

async function open(
  file: SessionFile,
  droplet: string,
  { columns, rows }: TerminalSize,
  terminal: string | undefined,
): Promise<WebSocket> {
  // Eden puts it into the path as it is.
  const { ticket } = await call(file, api => api.droplet.ticket({ droplet: encodeURIComponent(droplet) }).post())
  const query = { columns: String(columns), rows: String(rows), ...(terminal !== undefined && { terminal }) }
  return await withApi(file, async api => api.openTerminal(droplet, ticket, query))
}
