import { qrDataUrl, qrForTerminal } from '../../src/auth/qr.ts'
import { ApiError, ConfigError } from '../../src/core/errors.ts'
import { groups, parseGroup } from '../../src/core/groups.ts'
import type { Secret } from '../../src/core/secret.ts'
import { parseUsername } from '../../src/core/username.ts'
import type { UserService } from '../../src/users/service.ts'
import { defineCommand } from '../shared/command.ts'
import { settingArgs } from '../shared/flags.ts'
import { withAuditedContext } from './core-context.ts'

export const createUser = defineCommand({
  description: 'Create a user, or show the secret of an existing one and end its sessions',
  args: {
    username: { type: 'string', alias: 'u', required: true, valueHint: 'NAME', description: 'Name of the user' },
    group: {
      type: 'string',
      alias: 'g',
      required: true,
      valueHint: groups.join('|'),
      description: 'Permissions of the user; each group includes the one before it',
    },
    regenerate: { type: 'boolean', alias: 'r', description: 'Create a new secret and end all sessions' },
    json: { type: 'boolean', description: 'Print one JSON object' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: async ({ args, path }) => {
    const username = parseFlag('-u', args.username, parseUsername)
    const group = parseFlag('-g', args.group, parseGroup)
    await withAuditedContext(args, path, username, async ({ users }, actor) => {
      const enrolment = await users.provision(actor, username, group, args.regenerate === true)
      process.stdout.write(args.json ? await toJson(enrolment) : toText(enrolment))
    })
  },
})

type ProvisionedUser = Awaited<ReturnType<UserService['provision']>>

async function toJson({ username, group, secret, otpauthUrl, recoveryCodes }: ProvisionedUser): Promise<string> {
  const qr = await qrDataUrl(otpauthUrl.reveal())
  const fields = { username, group, secret: secret.reveal(), otpauth_url: otpauthUrl.reveal(), qr }
  const codes = recoveryCodes && { recovery_codes: recoveryCodes.map(code => code.reveal()) }
  return `${JSON.stringify({ ...fields, ...codes })}\n`
}

function toText({ username, group, secret, otpauthUrl, recoveryCodes }: ProvisionedUser): string {
  return `
  User     ${username} (${group})
  Secret   ${secret.reveal()}
  Address  ${otpauthUrl.reveal()}

${qrForTerminal(otpauthUrl.reveal())}
Scan the code with an authenticator app (Google Authenticator, Aegis, FreeOTP, ...) or type the secret into it.
Then log in with the username and the six digits that the app shows.
${recoveryCodes ? recoveryText(recoveryCodes) : ''}`
}

function recoveryText(codes: Secret[]): string {
  const [left, right] = [codes.slice(0, 5), codes.slice(5)]
  const lines = left.map((code, row) => `  ${code.reveal()}   ${right[row]?.reveal() ?? ''}\n`)
  return `
Recovery codes, shown only once. If the phone is lost, each code sets up another phone, once:

${lines.join('')}`
}

function parseFlag<T>(flag: string, value: string, parse: (value: string) => T): T {
  try {
    return parse(value)
  } catch (error) {
    if (error instanceof ApiError) throw new ConfigError(`${flag} ${JSON.stringify(value)}: ${error.message}`)
    throw error
  }
}
