import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { errorMessage } from './error-message.ts'
import { ConfigError } from './errors.ts'

export interface CertificateFiles {
  certFile: string
  keyFile: string
}

/** A certificate chain with its private key, both in PEM. */
export interface Certificate {
  cert: string
  key: string
  /** Subject alternative names of the leaf, or its subject. */
  names: string
  /** Milliseconds since 1970. */
  validFrom: number
  validTo: number
  /** SHA-256 of the leaf in hex with colons, as printed by `openssl x509 -fingerprint -sha256`. */
  fingerprint: string
  /** `fileStateOf` the files, just before they were read. */
  fileState: string
}

/**
 * Reads a certificate and its key without checking the validity period.
 * @throws ConfigError for files that are unreadable, not PEM or not a pair; it names flag, file and remedy
 */
export function readCertificate({ certFile, keyFile }: CertificateFiles): Certificate {
  const fileState = fileStateOf({ certFile, keyFile })
  const cert = readPem('--tls-cert', certFile)
  const key = readPem('--tls-key', keyFile)
  // The first certificate of a chain is the server's own (RFC 8446 section 4.4.2).
  const leafCertificate = parse('--tls-cert', certFile, 'certificate', () => new X509Certificate(cert))
  const privateKey = parse('--tls-key', keyFile, 'private key without a passphrase', () => createPrivateKey(key))
  if (!leafCertificate.checkPrivateKey(privateKey)) {
    throw new ConfigError(`--tls-key ${keyFile} is not the key of the certificate in ${certFile}: name a matching pair`)
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
 * @returns why clients reject it at this time; undefined when it is valid
 */
export function invalidReason({ validFrom, validTo }: Certificate, now: number): string | undefined {
  if (now >= validTo) return `it expired at ${new Date(validTo).toISOString()}: renew it`
  if (now < validFrom)
    return `it is not valid before ${new Date(validFrom).toISOString()}: check the clock, or wait until then`
  return undefined
}

/** Changes whenever one of the files is replaced or written, also behind symbolic links. */
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
    // The parser's message could quote the key.
    throw new ConfigError(`${flag} ${file} contains no ${description}: name a file in PEM`)
  }
}
