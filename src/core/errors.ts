/**
 * All errors of the API: a stable id for clients, the HTTP status, and a readable text. An id is never reused with
 * another meaning; the next free id is 942. 907 and 911 are reserved: the original defined them and never sent them.
 */
export const catalogue = {
  internal: { id: 0, status: 500, text: 'Internal server error' },
  routeNotFound: { id: 404, status: 404, text: 'Route not found' },
  engineRefused: { id: 900, status: 400, text: 'The engine refused the command' },
  credentialsMissing: { id: 901, status: 400, text: 'Both "username" and "code" are required' },
  codeRefused: {
    id: 902,
    status: 400,
    text: 'Wrong username or code, or the code was already used: wait for the next one',
  },
  userNotFound: { id: 903, status: 400, text: 'User not found' },
  revokeForbidden: { id: 904, status: 401, text: 'Only the owner may revoke the tokens of another user' },
  groupUnknown: { id: 905, status: 400, text: 'Unknown group: use viewer, manager or owner' },
  ownerExists: { id: 906, status: 403, text: 'There is already an owner, and a system has exactly one' },
  accessTokenUnknown: { id: 908, status: 401, text: 'Access token unknown or missing: log in' },
  accessTokenExpired: { id: 909, status: 401, text: 'Access token expired: refresh it' },
  refreshTokenUnknown: { id: 910, status: 401, text: 'Refresh token unknown, expired or already used: log in' },
  groupForbidden: { id: 912, status: 403, text: 'Your group may not do this' },
  userFieldsMissing: { id: 913, status: 400, text: 'Both "username" and "group" are required' },
  usernameTaken: { id: 914, status: 400, text: 'The username is taken' },
  tooManyAttempts: { id: 915, status: 429, text: 'Too many attempts: try again later' },
  ownerUndeletable: { id: 916, status: 403, text: 'The owner cannot be deleted' },
  malformed: { id: 917, status: 400, text: 'Malformed request' },
  engineUnavailable: { id: 918, status: 503, text: 'The container engine cannot be reached or did not answer in time' },
  noFreeNumber: { id: 919, status: 409, text: 'No free droplet number: delete a droplet first' },
  bodyTooLarge: { id: 920, status: 413, text: 'The body is larger than 16 KiB' },
  hostUnknown: { id: 921, status: 421, text: 'This server does not answer for that Host' },
  storeUnavailable: { id: 922, status: 503, text: 'The store cannot be written at the moment: try again' },
  engineUnfit: { id: 923, status: 503, text: 'The container engine cannot run droplets' },
  imageUnavailable: { id: 924, status: 503, text: 'The droplet image is not available' },
  sessionNotFound: { id: 925, status: 404, text: 'Session not found' },
  enrolmentUnknown: {
    id: 926,
    status: 400,
    text: 'Enrolment link unknown, expired or already used: ask the owner for a new one, or use a recovery code',
  },
  recoveryRefused: { id: 927, status: 400, text: 'Wrong username or recovery code, or the code was already used' },
  tooManyStreams: { id: 928, status: 429, text: 'You have too many open event streams: close some first' },
  operationNotFound: { id: 929, status: 404, text: 'Operation not found: operations are retained for 7 days' },
  keyReused: {
    id: 930,
    status: 409,
    text: 'The Idempotency-Key was used for another request: use a new key for each change',
  },
  operationNotCancellable: { id: 931, status: 409, text: 'The operation can no longer be cancelled' },
  operationCancelled: { id: 932, status: 409, text: 'The operation was cancelled' },
  operationInterrupted: { id: 933, status: 503, text: 'The operation was interrupted because cikit-api stopped' },
  tooManyOperations: { id: 934, status: 429, text: 'Too many operations are waiting: try again later' },
  ticketUnknown: {
    id: 935,
    status: 401,
    text: 'Ticket unknown, already used or older than 30 seconds: request a new one',
  },
  commandTimeout: { id: 936, status: 504, text: 'The command exceeded its time limit and was killed' },
  originForbidden: { id: 937, status: 403, text: 'Terminal connections from other origins are not allowed' },
  tooManyCommands: {
    id: 938,
    status: 429,
    text: 'You have too many open commands, terminals and logs: close some first',
  },
  journalMissing: { id: 939, status: 409, text: 'The droplet has no journal: use its console log' },
  sshKeyNotFound: { id: 940, status: 404, text: 'SSH key not found' },
  tooManySshKeys: { id: 941, status: 409, text: 'You have 20 SSH keys: remove one first' },
} as const satisfies Record<string, { id: number; status: number; text: string }>

export type ErrorName = keyof typeof catalogue

/** The name of a stored error. */
export function errorNameById(id: number): ErrorName {
  const names = Object.keys(catalogue) as ErrorName[]
  return names.find(name => catalogue[name].id === id) ?? 'internal'
}

/**
 * An error of the catalogue. Its message is sent to the client, so it contains no secret and no input except harmless
 * names. The underlying problem is the `cause`, which goes to the log.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly errorId: number
  readonly status: number
  /** For the `Retry-After` header. */
  readonly retryAfterSeconds: number | undefined
  /** The request had no token. */
  readonly anonymous: boolean
  /** Close the connection after the response instead of reading the rest of the request. */
  readonly closeConnection: boolean

  constructor(
    readonly kind: ErrorName,
    options: {
      text?: string
      cause?: unknown
      retryAfterSeconds?: number
      anonymous?: boolean
      closeConnection?: boolean
    } = {},
  ) {
    super(options.text ?? catalogue[kind].text, { cause: options.cause })
    this.errorId = catalogue[kind].id
    this.retryAfterSeconds = options.retryAfterSeconds
    this.anonymous = options.anonymous === true
    this.closeConnection = options.closeConnection === true
    this.status = catalogue[kind].status
  }
}

/** An invalid setting. The message is one line with the flag, its value and the remedy; the CLI exits with 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** A failed command on the host. The message is one line with the remedy; the CLI exits with 1. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'
}

/** A failed client command. The exit codes are for scripts. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  static readonly exitCodes = { refused: 1, notLoggedIn: 3, unreachable: 4 } as const

  constructor(
    readonly kind: keyof typeof ClientError.exitCodes,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(message, options)
  }
}
