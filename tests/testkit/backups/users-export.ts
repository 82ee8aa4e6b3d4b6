/** A secret as the original CIKit created them: 256 bits in Base32 without padding. */
export const EXPORTED_SECRET = 'J5XUW32SIF3T4KTZFRBXKLZXJV4DO5LNMJXXUQRWNRXGEKRDFB5A'

/** A user as exported by `mongoexport` (Extended JSON v2, relaxed). */
export function exportedUser(username: string, group: string, overrides: Record<string, unknown> = {}) {
  return {
    _id: { $oid: '5b0e4a1f1c9d440000a1b2c3' },
    username,
    group,
    created: { $date: '2018-05-30T07:12:31.114Z' },
    secret: EXPORTED_SECRET,
    __v: 0,
    ...overrides,
  }
}

export function formatExport(...users: object[]): string {
  return users.map(user => `${JSON.stringify(user)}\n`).join('')
}
