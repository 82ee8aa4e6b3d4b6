import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { ConfigError } from '../../src/core/errors.ts'
import { defineCommand } from '../shared/command.ts'
import { settingArgs } from '../shared/flags.ts'
import { logIn, logOut } from './api/session.ts'
import { sessionFileOf } from './api/session-file.ts'

export const login = defineCommand({
  description: 'Log in to a Matrix',
  args: {
    url: {
      type: 'positional',
      required: true,
      description: 'Address of its API, such as https://matrix.example.com:1337',
    },
    username: { type: 'string', alias: 'u', valueHint: 'NAME', description: 'Name of the user (prompts for it)' },
    code: {
      type: 'string',
      valueHint: 'DIGITS',
      description: 'Six digits from the authenticator app (prompts for them)',
    },
    'ca-file': { type: 'string', valueHint: 'FILE', description: 'Certificate authority to trust, in PEM' },
    json: { type: 'boolean', description: 'Print one JSON object: {url, username}' },
    ...settingArgs('session-file'),
  },
  run: async ({ args }) => {
    const file = sessionFileOf(args)
    const url = parseServerUrl(args.url)
    const ca = args['ca-file'] && readCaFile(args['ca-file'])
    const username = args.username ?? (await promptFor('Username: ', '-u NAME'))
    const code = args.code ?? (await promptFor('Code: ', '--code DIGITS'))
    const session = await logIn({ url, ...(ca && { ca }) }, username, code.replaceAll(' ', ''))
    file.write(session)
    const text = args.json ? JSON.stringify({ url, username }) : `Logged in to ${url} as ${username}`
    process.stdout.write(`${text}\n`)
  },
})

export const logout = defineCommand({
  description: 'Log out of the Matrix and end the session',
  args: {
    json: { type: 'boolean', description: 'Print one JSON object: {}' },
    ...settingArgs('session-file'),
  },
  run: async ({ args }) => {
    await logOut(sessionFileOf(args))
    process.stdout.write(args.json ? '{}\n' : 'Logged out\n')
  },
})

function parseServerUrl(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash) {
    throw new ConfigError(`${JSON.stringify(text)} is not a server address: give https://NAME[:PORT]`)
  }
  if (url.protocol === 'http:' && !/^(localhost|127\.|\[::1\])/.test(url.hostname)) {
    process.stderr.write('cikit-api: warning: over plain HTTP, others on the network can read your code and tokens\n')
  }
  return url.href.replace(/\/+$/, '')
}

function readCaFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError(`--ca-file ${file} cannot be read: name a certificate file in PEM`, { cause })
  }
}

async function promptFor(question: string, flag: string): Promise<string> {
  if (!process.stdin.isTTY) throw new ConfigError(`Standard input is not a terminal: give ${flag}`)
  const readline = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await readline.question(question)).trim()
  } finally {
    readline.close()
  }
}
