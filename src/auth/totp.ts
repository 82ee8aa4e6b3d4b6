import { timingSafeEqual } from 'node:crypto'
import { Secret as OtpSecret, TOTP } from 'otpauth'

/** RFC 4226 section 4, R6: at least 128 bits, 160 recommended. */
export const TOTP_SECRET_BYTES = 20
const PERIOD_SECONDS = 30
const DIGITS = 6

/**
 * The time step of which `code` is the code, or undefined. Accepted are the current step and the one before it,
 * for a code that was read late (RFC 6238 section 5.2). Takes the same time whatever the code is.
 * @param now milliseconds since 1970
 */
export function matchingStep(secret: Uint8Array<ArrayBuffer>, code: string, now: number): number | undefined {
  const step = Math.floor(now / 1000 / PERIOD_SECONDS)
  const totp = createTotp(secret)
  const matchingSteps = [step, step - 1].filter(candidate => {
    const expected = totp.generate({ timestamp: candidate * PERIOD_SECONDS * 1000 })
    return constantTimeEqual(expected, code)
  })
  return matchingSteps[0]
}

/** The secret as authenticator apps take it, in Base32 without padding (RFC 4648 section 6). */
export function toBase32(secret: Uint8Array<ArrayBuffer>): string {
  return new OtpSecret({ buffer: secret.buffer }).base32
}

/**
 * The `otpauth://` address that a QR code carries (Key URI Format of Google Authenticator), with the parameters
 * that the clients of the original system know: SHA-1, 6 digits, 30 seconds.
 * @param hostLabel the name of this host, shown as the account
 */
export function provisioningUri(secret: Uint8Array<ArrayBuffer>, username: string, hostLabel: string): string {
  return createTotp(secret, { issuer: `CIKIT Matrix (${username})`, label: hostLabel }).toString()
}

function createTotp(secret: Uint8Array<ArrayBuffer>, labels: { issuer?: string; label?: string } = {}): TOTP {
  return new TOTP({
    ...labels,
    secret: new OtpSecret({ buffer: secret.buffer }),
    algorithm: 'SHA1',
    digits: DIGITS,
    period: PERIOD_SECONDS,
  })
}

function constantTimeEqual(expected: string, actual: string): boolean {
  const left = Buffer.from(expected)
  const right = Buffer.from(actual)
  // The length of a code is no secret.
  return left.length === right.length && timingSafeEqual(left, right)
}
