/**
 * Every error the API can answer, in one place: a stable id that clients may rely on, the HTTP status, and the
 * text for people. An id is never reused for another meaning; the next new condition takes 942.
 * 907 and 911 stay reserved: the original system had them and never sent them.
 */
export const catalogue = {
  internal: { id: 0, status: 500, text: 'Internal server error' },
  routeNotFound: { id: 404, status: 404, text: 'Route not found' },
  engineRefused: { id: 900, status: 400, text: 'The engine refused the command' },
  credentialsMissing: { id: 901, status: 400, text: 'Both "username" and "code" are required' },
  codeRefused: {
    id: 902,
    status: 400,
    text: 'Wrong username or code, or the code was used already: wait for the next one',
  },
  userNotFound: { id: 903, status: 400, text: 'User not found' },
  revokeForbidden: { id: 904, status: 401, text: 'Only the owner may revoke the tokens of somebody else' },
  groupUnknown: { id: 905, status: 400, text: 'Unknown group: use viewer, manager or owner' },
  ownerExists: { id: 906, status: 403, text: 'There is an owner already, and a system has exactly one' },
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
    text: 'Enrolment link unknown, expired or already used: ask the owner for another, or use a recovery code',
  },
  recoveryRefused: { id: 927, status: 400, text: 'Wrong username or recovery code, or the code was used already' },
  tooManyStreams: { id: 928, status: 429, text: 'Too many event streams of yours are open: close some first' },
  operationNotFound: { id: 929, status: 404, text: 'Operation not found: they are kept for 7 days' },
  keyReused: {
    id: 930,
    status: 409,
    text: 'The Idempotency-Key was used for another request: take a new one for each change',
  },
  operationNotCancellable: { id: 931, status: 409, text: 'The operation cannot be undone any more' },
  operationCancelled: { id: 932, status: 409, text: 'The operation was cancelled' },
  operationInterrupted: { id: 933, status: 503, text: 'The operation was interrupted by a stop of cikit-api' },
  tooManyOperations: { id: 934, status: 429, text: 'Too many operations are waiting: try again later' },
  ticketUnknown: { id: 935, status: 401, text: 'Ticket unknown, used already or older than 30 seconds: take another' },
  commandTimeout: { id: 936, status: 504, text: 'The command did not end in time, and was ended' },
  originForbidden: { id: 937, status: 403, text: 'A page of another site may not open a terminal here' },
  tooManyCommands: {
    id: 938,
    status: 429,
    text: 'Too many commands, terminals and logs of yours are open: close some first',
  },
  journalMissing: { id: 939, status: 409, text: 'The droplet keeps no journal: look at its console' },
  sshKeyNotFound: { id: 940, status: 404, text: 'SSH key not found' },
  tooManySshKeys: { id: 941, status: 409, text: 'You have 20 SSH keys: remove one first' },
} as const satisfies Record<string, { id: number; status: number; text: string }>

export type ErrorName = keyof typeof catalogue

/** The name of an error that was kept by its id. */
export function errorNameById(id: number): ErrorName {
  const names = Object.keys(catalogue) as ErrorName[]
  return names.find(name => catalogue[name].id === id) ?? 'internal'
}

/**
 * An error of the catalogue. Its message goes to the client, so it never holds a secret, nor an echo of the input
 * beyond a name that is harmless;
 * what went wrong underneath is the `cause`, and goes to the log.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly errorId: number
  readonly status: number
  /** When to try again, for the header `Retry-After`. */
  readonly retryAfterSeconds: number | undefined
  /** The caller showed no token at all. */
  readonly anonymous: boolean
  /** What the client goes on sending is not waited for: the connection ends with the answer. */
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

/** A setting that cannot work. The message is one line naming the flag, its value and the remedy; the CLI exits with 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** What a command on the host cannot do, in one line with the remedy; the CLI exits with 1. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'
}

/** What a client could not do with a server elsewhere. The exit codes are for scripts. */
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
