import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface CertificatePair {
  cert: string
  key: string
}

/**
 * Creates a self-signed certificate and its key, in PEM.
 * @param options `days`: validity from now
 */
export async function createCertificate(name: string, options: { days?: number } = {}): Promise<CertificatePair> {
  const { days = 30 } = options
  const requestArgs = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    '-',
  ]
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-days', String(days)]
  const child = Bun.spawn(['openssl', ...requestArgs, ...subject], { stdout: 'pipe', stderr: 'pipe' })
  const [pem, errorOutput] = await Promise.all([child.stdout.text(), child.stderr.text()])
  const blocks = pem.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n/g) ?? []
  const cert = blocks.find(block => block.includes('CERTIFICATE'))
  const key = blocks.find(block => block.includes('PRIVATE KEY'))
  if (!cert || !key) throw new Error(`openssl created no certificate: ${errorOutput}`)
  return { cert, key }
}

/** The certificate and key files of a server, and the flags that name them. */
export function certificateFiles(dir: string) {
  const certFile = join(dir, 'matrix.crt')
  const keyFile = join(dir, 'matrix.key')
  return {
    certFile,
    keyFile,
    flags: ['--tls-cert', certFile, '--tls-key', keyFile],
    /** Replaces the files atomically, as renewal tools do. */
    install({ cert, key }: CertificatePair): void {
      replaceFile(certFile, cert)
      replaceFile(keyFile, key)
    },
  }
}

function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.next`, text, { mode: 0o600 })
  renameSync(`${file}.next`, file)
}
