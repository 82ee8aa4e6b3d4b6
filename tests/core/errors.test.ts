import { expect, test } from 'bun:test'
import { ApiError, catalogue, type ErrorName } from '../../src/core/errors.ts'

/** Part of the contract: ids and statuses never change. */
const contract: Record<ErrorName, [id: number, status: number]> = {
  internal: [0, 500],
  routeNotFound: [404, 404],
  engineRefused: [900, 400],
  credentialsMissing: [901, 400],
  codeRefused: [902, 400],
  userNotFound: [903, 400],
  revokeForbidden: [904, 401],
  groupUnknown: [905, 400],
  ownerExists: [906, 403],
  accessTokenUnknown: [908, 401],
  accessTokenExpired: [909, 401],
  refreshTokenUnknown: [910, 401],
  groupForbidden: [912, 403],
  userFieldsMissing: [913, 400],
  usernameTaken: [914, 400],
  tooManyAttempts: [915, 429],
  ownerUndeletable: [916, 403],
  malformed: [917, 400],
  engineUnavailable: [918, 503],
  noFreeNumber: [919, 409],
  bodyTooLarge: [920, 413],
  hostUnknown: [921, 421],
  storeUnavailable: [922, 503],
  engineUnfit: [923, 503],
  imageUnavailable: [924, 503],
  sessionNotFound: [925, 404],
  enrolmentUnknown: [926, 400],
  recoveryRefused: [927, 400],
  tooManyStreams: [928, 429],
  operationNotFound: [929, 404],
  keyReused: [930, 409],
  operationNotCancellable: [931, 409],
  operationCancelled: [932, 409],
  operationInterrupted: [933, 503],
  tooManyOperations: [934, 429],
  ticketUnknown: [935, 401],
  commandTimeout: [936, 504],
  originForbidden: [937, 403],
  tooManyCommands: [938, 429],
  journalMissing: [939, 409],
  sshKeyNotFound: [940, 404],
  tooManySshKeys: [941, 409],
}

test('the catalogue matches the contract', () => {
  const actual = Object.fromEntries(Object.entries(catalogue).map(([name, { id, status }]) => [name, [id, status]]))
  expect<unknown>(actual).toEqual(contract)
})

test('ids are unique, and reserved ids are unused', () => {
  const ids: number[] = Object.values(catalogue).map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).not.toContain(907)
  expect(ids).not.toContain(911)
})

test('two texts match those that clients know', () => {
  expect(catalogue.routeNotFound.text).toBe('Route not found')
  expect(catalogue.internal.text).toBe('Internal server error')
})

test('every text is safe inside a quoted header value', () => {
  for (const { status, text } of Object.values(catalogue)) {
    if (status === 401) expect(text).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  }
})

test('an error has the id, the status and the text of the catalogue', () => {
  const cause = new Error('underneath')
  const error = new ApiError('usernameTaken', { cause })
  expect(error).toMatchObject({ errorId: 914, status: 400, message: 'The username is taken', cause })
  expect(error.message).not.toContain('underneath')
})

test('an error may have a more specific text', () => {
  expect(new ApiError('malformed', { text: 'Send less' })).toMatchObject({
    errorId: 917,
    status: 400,
    message: 'Send less',
  })
})
