import { beforeAll, expect, test } from 'bun:test'
import { type SettingName, settings, variableOf } from '../../../src/config/settings.ts'
import { ClientError } from '../../../src/core/errors.ts'
import { runCli } from '../../testkit/cli.ts'
import { listCommands } from '../../testkit/cli-commands.ts'

let page: string

beforeAll(async () => {
  page = (await runCli(['man'])).stdout
})

test('contains every command and every flag', async () => {
  for (const { name, flags } of await listCommands()) {
    expect(page).toContain(`\n.Ss ${name}\n`)
    const [, part = ''] = page.split(`\n.Ss ${name}\n`)
    const [own = ''] = part.split(/\n\.S[sh] /)
    for (const flag of flags) expect([name, own.includes(`Fl -${flag}`)]).toEqual([name, true])
  }
})

test('contains every setting, variable and exit code', () => {
  for (const name of Object.keys(settings) as SettingName[])
    expect(page).toContain(`Fl -${name} Ar ${settings[name].hint} , Ev ${variableOf(name)}`)
  for (const code of [0, 2, 130, ...Object.values(ClientError.exitCodes)]) expect(page).toContain(`.It Er ${code}\n`)
})
