import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { errorMessage } from './error-message.ts'
import { ConfigError } from './errors.ts'

export interface CertificateFiles {
  certFile: string
  keyFile: string
}

/** A certificate chain with its private key, both in PEM, as TLS takes them. */
export interface Certificate {
  cert: string
  key: string
  /** What the leaf says. */
  names: string
  /** Milliseconds since 1970. */
  validFrom: number
  validTo: number
  /** SHA-256 of the leaf, in hex with colons, as `openssl x509 -fingerprint -sha256` shows it. */
  fingerprint: string
  /** `stateOf` its files, just before they were read. */
  fileState: string
}

/**
 * Reads a certificate and its key. Whether it is valid today is another question.
 * @throws ConfigError naming the flag, the file and the remedy: unreadable, no PEM, or not of one pair
 */
export function readCertificate({ certFile, keyFile }: CertificateFiles): Certificate {
  const fileState = fileStateOf({ certFile, keyFile })
  const cert = readPem('--tls-cert', certFile)
  const key = readPem('--tls-key', keyFile)
  // The first one of a chain is the server's own (RFC 8446 section 4.4.2).
  const leafCertificate = parse('--tls-cert', certFile, 'certificate', () => new X509Certificate(cert))
  const privateKey = parse('--tls-key', keyFile, 'private key without a passphrase', () => createPrivateKey(key))
  if (!leafCertificate.checkPrivateKey(privateKey)) {
    throw new ConfigError(
      `--tls-key ${keyFile} is not the key of the certificate in ${certFile}: give the two of one pair`,
    )
  }
  return {
    cert,
    key,
    names: leafCertificate.subjectAltName ?? leafCertificate.subject,
    validFrom: Date.parse(leafCertificate.validFrom),
    validTo: Date.parse(leafCertificate.validTo),
    fingerprint: leafCertificate.fingerprint256,
    fileState,
  }
}

/**
 * @param now milliseconds since 1970
 * @returns why no client would take it at this moment
 */
export function invalidReason({ validFrom, validTo }: Certificate, now: number): string | undefined {
  if (now >= validTo) return `it is over since ${new Date(validTo).toISOString()}: renew it`
  if (now < validFrom)
    return `it begins at ${new Date(validFrom).toISOString()} only: set the clock, or wait until then`
  return undefined
}

/** Other text as soon as one of the files is another one or was written to, whatever links lead there. */
export function fileStateOf({ certFile, keyFile }: CertificateFiles): string {
  return [certFile, keyFile]
    .map(file => {
      const stats = statSync(file, { bigint: true, throwIfNoEntry: false })
      return stats ? `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}` : 'none'
    })
    .join(' ')
}

function readPem(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`${flag} ${file} cannot be read (${errorMessage(error)}): name a readable file in PEM`)
  }
}

function parse<T>(flag: string, file: string, description: string, parser: () => T): T {
  try {
    return parser()
  } catch {
    // What the parser says of a key could quote from it.
    throw new ConfigError(`${flag} ${file} holds no ${description}: give it in PEM`)
  }
}
