import { ClientError } from '../../../src/core/errors.ts'

// Sections of the manual that are not derived from the commands and settings.

type Section = readonly (readonly [term: string, text: string])[]

export const environment: Section = [
  ['DOCKER_HOST', 'The Docker Engine, if no setting names it.'],
  ['HOME', "Base of the client's login, the user's SSH keys, and the data of a server that does not run as root."],
  ['XDG_CONFIG_HOME', 'Used instead of ~/.config.'],
  ['XDG_DATA_HOME', 'Used instead of ~/.local/share.'],
]

export const files: Section = [
  ['/var/lib/cikit-api', 'The data directory of root. It contains the next four, readable by its owner only.'],
  ['cikit-api.db', 'Users, sessions, operations and the audit log.'],
  [
    'sealing.key',
    'The key that encrypts TOTP secrets. Without it nobody can log in: back it up separately from the database.',
  ],
  ['audit.key', 'The key of the audit log.'],
  ['credentials', "The droplets' SSH keys, one directory per droplet."],
  ['~/.config/cikit-api/session.json', "The client's login."],
]

const { refused, notLoggedIn, unreachable } = ClientError.exitCodes

export const exitCodes: Section = [
  ['0', 'Success.'],
  [String(refused), 'Failed, rejected or cancelled; one line says why, and what to do.'],
  ['2', 'Invalid command line or setting.'],
  [String(notLoggedIn), 'Not logged in, or session expired.'],
  [String(unreachable), 'Server unreachable.'],
  ['130', 'Interrupted by Ctrl-C; started operations continue.'],
]

export const examples: Section = [
  ['cikit-api create-user -u ann -g owner', 'Creates the owner and shows the QR code for the phone.'],
  [
    'cikit-api serve --domain matrix.example.com --tls-cert matrix.crt --tls-key matrix.key',
    'Serves the API over HTTPS, with its documentation at /docs.',
  ],
  ['cikit-api login https://matrix.example.com:1337', 'Logs in from another computer.'],
  ['cikit-api droplet add --wait', 'Creates a droplet and waits until it is ready.'],
  ['source <(cikit-api completion bash)', 'Completes commands and flags in this shell.'],
]
