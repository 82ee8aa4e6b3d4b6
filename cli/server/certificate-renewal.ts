import {
  type Certificate,
  type CertificateFiles,
  fileStateOf,
  invalidReason,
  readCertificate,
} from '../../src/core/certificate.ts'
import { errorMessage } from '../../src/core/error-message.ts'
import type { Log } from '../../src/core/log.ts'

/** A certificate that has no more than this left is warned of, once a day. */
const EXPIRY_WARNING_MS = 14 * 24 * 3_600_000
const DAY_MS = 24 * 3_600_000

export interface CertificateRenewal {
  /** Takes what the files hold now, if it can be used. For SIGHUP. */
  reload(): void
  /**
   * To be called every few seconds: takes what the files hold once they have changed, and have not gone on changing since
   * the last look, because the certificate and its key are two files, written one after the other.
   */
  poll(): void
}

/**
 * Brings what is in the files into use whenever that is another certificate; one that is broken, expired, or not of its key
 * is refused, and the one in use stays.
 * @param options `present`: what is in use; `use` puts another in its place, or throws
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
        log.info('the certificate is in use already', toLogFields(current))
        return
      }
      apply(next)
      current = next
      warnedAt = Number.NEGATIVE_INFINITY
      log.info('another certificate is in use', toLogFields(current))
    } catch (error) {
      log.error('the new certificate cannot be used, and the old one stays', {
        error: errorMessage(error),
        ...toLogFields(current),
      })
    }
  }

  function warnIfExpiringSoon(): void {
    if (current.validTo - now() > EXPIRY_WARNING_MS || now() - warnedAt < DAY_MS) return
    warnedAt = now()
    log.warn('the certificate is over soon: renew it', toLogFields(current))
  }
}

function toLogFields({ names, validTo, fingerprint }: Certificate) {
  return { names, validTo: new Date(validTo).toISOString(), fingerprint }
}
