import { type Certificate, type CertificateFiles, readCertificate, stateOf, whyInvalid } from '../src/certificate.ts'
import type { Log } from '../src/log.ts'

/** A certificate that has no more than this left is warned of, once a day. */
const SOON_MS = 14 * 24 * 3_600_000
const DAY_MS = 24 * 3_600_000

export interface Renewal {
  /** Takes what the files hold now, if it can be used. For SIGHUP. */
  now(): void
  /**
   * To be called every few seconds: takes what the files hold once they have changed, and have not gone on changing since
   * the last look, because the certificate and its key are two files, written one after the other.
   */
  look(): void
}

/**
 * Brings what is in the files into use whenever that is another certificate; one that is broken, expired, or not of its key
 * is refused, and the one in use stays.
 * @param options `present`: what is in use; `use` puts another in its place, or throws
 */
export function createRenewal(options: {
  files: CertificateFiles
  present: Certificate
  use: (certificate: Certificate) => void
  now: () => number
  log: Log
}): Renewal {
  const { files, use, now, log } = options
  let { present } = options
  let tried = present.state
  let seen = tried
  let warnedAt = Number.NEGATIVE_INFINITY
  warnIfSoonOver()

  return {
    now: renew,
    look() {
      const state = stateOf(files)
      const isSettled = state === seen
      seen = state
      if (isSettled && state !== tried) renew()
      warnIfSoonOver()
    },
  }

  function renew(): void {
    tried = stateOf(files)
    try {
      const next = readCertificate(files)
      const reason = whyInvalid(next, now())
      if (reason) throw new Error(`--tls-cert ${files.certFile}: ${reason}`)
      if (next.cert === present.cert && next.key === present.key) {
        log.info('the certificate is in use already', told(present))
        return
      }
      use(next)
      present = next
      warnedAt = Number.NEGATIVE_INFINITY
      log.info('another certificate is in use', told(present))
    } catch (error) {
      log.error('the new certificate cannot be used, and the old one stays', {
        error: error instanceof Error ? error.message : String(error),
        ...told(present),
      })
    }
  }

  function warnIfSoonOver(): void {
    if (present.validTo - now() > SOON_MS || now() - warnedAt < DAY_MS) return
    warnedAt = now()
    log.warn('the certificate is over soon: renew it', told(present))
  }
}

function told({ names, validTo, fingerprint }: Certificate) {
  return { names, validTo: new Date(validTo).toISOString(), fingerprint }
}
