import { ClientError } from '../../../src/core/errors.ts'

// What the manual says beside what the commands and settings say of themselves: terms, and what is to be known of them.

type Section = readonly (readonly [term: string, text: string])[]

export const environment: Section = [
  ['DOCKER_HOST', 'The Docker Engine, where no setting names it.'],
  ['HOME', 'Where the login of a client and the SSH keys of its user are, and the data of a server that is not root.'],
  ['XDG_CONFIG_HOME', 'In place of ~/.config.'],
  ['XDG_DATA_HOME', 'In place of ~/.local/share.'],
]

export const files: Section = [
  ['/var/lib/cikit-api', 'The data directory of root. The next four are in it, for its owner alone.'],
  ['cikit-api.db', 'Users, sessions, operations and the audit.'],
  [
    'sealing.key',
    'The key that TOTP secrets are sealed with. Without it nobody can log in: back it up, apart from the database.',
  ],
  ['audit.key', 'The key of the audit.'],
  ['credentials', "The droplets' SSH keys, each in a directory with the name of its droplet."],
  ['~/.config/cikit-api/session.json', 'The login of a client.'],
]

const { refused, notLoggedIn, unreachable } = ClientError.exitCodes

export const exitCodes: Section = [
  ['0', 'Done.'],
  [String(refused), 'It could not be done, was refused, failed or was cancelled; one line says why, and what to do.'],
  ['2', 'The command line or a setting is wrong.'],
  [String(notLoggedIn), 'A client is not logged in, or not any more.'],
  [String(unreachable), 'The server cannot be reached.'],
  ['130', 'Ctrl-C; what was begun goes on.'],
]

export const examples: Section = [
  ['cikit-api create-user -u ann -g owner', 'Makes the owner, and shows the QR code for the phone.'],
  [
    'cikit-api serve --domain matrix.example.com --tls-cert matrix.crt --tls-key matrix.key',
    'Serves the API by HTTPS, with its documentation at /docs.',
  ],
  ['cikit-api login https://matrix.example.com:1337', 'Logs in from another computer.'],
  ['cikit-api droplet add --wait', 'Makes a droplet, and waits until it can be entered.'],
  ['source <(cikit-api completion bash)', 'Completes commands and flags in this shell.'],
]
