import {
  type Certificate,
  type CertificateFiles,
  fileStateOf,
  invalidReason,
  readCertificate,
} from '../../src/core/certificate.ts'
import { errorMessage } from '../../src/core/error-message.ts'
import type { Log } from '../../src/core/log.ts'

/** Expiry within this time is logged as a warning, once a day. */
const EXPIRY_WARNING_MS = 14 * 24 * 3_600_000
const DAY_MS = 24 * 3_600_000

interface CertificateRenewal {
  /** Reads the files now, for SIGHUP. */
  reload(): void
  /**
   * Reads the files if they have changed, but not since the previous poll: the certificate and its key are two files,
   * written one after the other.
   */
  poll(): void
}

/**
 * Puts a new certificate into use when the files change. One that is broken, expired or does not match its key is
 * rejected, and the current one stays.
 * @param options `apply` puts a certificate into use, or throws
 */
export function createCertificateRenewal(options: {
  files: CertificateFiles
  current: Certificate
  apply: (certificate: Certificate) => void
  now: () => number
  log: Log
}): CertificateRenewal {
  const { files, apply, now, log } = options
  let { current } = options
  let attemptedState = current.fileState
  let lastSeenState = attemptedState
  let warnedAt = Number.NEGATIVE_INFINITY
  warnIfExpiringSoon()

  return {
    reload,
    poll() {
      const state = fileStateOf(files)
      const isStable = state === lastSeenState
      lastSeenState = state
      if (isStable && state !== attemptedState) reload()
      warnIfExpiringSoon()
    },
  }

  function reload(): void {
    attemptedState = fileStateOf(files)
    try {
      const next = readCertificate(files)
      const reason = invalidReason(next, now())
      if (reason) throw new Error(`--tls-cert ${files.certFile}: ${reason}`)
      if (next.cert === current.cert && next.key === current.key) {
        log.info('the certificate is already in use', toLogFields(current))
        return
      }
      apply(next)
      current = next
      warnedAt = Number.NEGATIVE_INFINITY
      log.info('a new certificate is in use', toLogFields(current))
    } catch (error) {
      log.error('the new certificate cannot be used; the current one stays in use', {
        error: errorMessage(error),
        ...toLogFields(current),
      })
    }
  }

  function warnIfExpiringSoon(): void {
    if (current.validTo - now() > EXPIRY_WARNING_MS || now() - warnedAt < DAY_MS) return
    warnedAt = now()
    log.warn('the certificate expires soon: renew it', toLogFields(current))
  }
}

function toLogFields({ names, validTo, fingerprint }: Certificate) {
  return { names, validTo: new Date(validTo).toISOString(), fingerprint }
}
