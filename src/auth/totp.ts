import { timingSafeEqual } from 'node:crypto'
import { Secret as OtpSecret, TOTP } from 'otpauth'

/** RFC 4226 section 4, R6: at least 128 bits, 160 recommended. */
export const TOTP_SECRET_BYTES = 20
const PERIOD_SECONDS = 30
const DIGITS = 6

/**
 * Finds the time step of a code. Accepts the current step and the previous one, for a code that was entered late
 * (RFC 6238 section 5.2). Runs in constant time.
 * @param now milliseconds since 1970
 * @returns undefined for a code of any other step
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

/** Base32 without padding (RFC 4648 section 6), as authenticator apps expect it. */
export function toBase32(secret: Uint8Array<ArrayBuffer>): string {
  return new OtpSecret({ buffer: secret.buffer }).base32
}

/**
 * The `otpauth://` URL for the QR code (Google Authenticator's Key URI Format), with the parameters of the original
 * system: SHA-1, 6 digits, 30 seconds.
 * @param hostLabel the name of this host, which apps show as the account
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
  // timingSafeEqual requires equal lengths. The length of a code is not secret.
  return left.length === right.length && timingSafeEqual(left, right)
}
