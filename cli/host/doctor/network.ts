import { existsSync, readFileSync, statSync } from 'node:fs'
import type { Config } from '../../../src/config/config.ts'
import { type CertificateFiles, invalidReason, readCertificate } from '../../../src/core/certificate.ts'
import { type Finding, failed, ok, warning } from './finding.ts'

const DAY_MS = 24 * 3_600_000
const EXPIRY_WARNING_DAYS = 14

/** Where the kernel says whether connections that are half made go on to the server that takes over (Linux 5.14). */
const MIGRATE_REQ_FILE = '/proc/sys/net/ipv4/tcp_migrate_req'

/** Whether what is said on the way can be read by others. */
export function checkListener({ host, tls, exposedWithoutTls }: Config['listen'], now: number): Finding[] {
  if (tls) return [...checkCertificate(tls, now), ...checkKeyFile(tls), ...checkSocketMigration()]
  if (exposedWithoutTls) {
    return [
      warning(
        'tls',
        `plain HTTP on ${host}: codes and tokens can be read on the way: give --tls-cert and --tls-key, or take --host 127.0.0.1 and a proxy`,
      ),
    ]
  }
  return [ok('tls', `none, and ${host} is reached from this host only: a proxy in front has to have it`)]
}

function checkCertificate(files: CertificateFiles, now: number): Finding[] {
  const certificate = readCertificate(files)
  const reason = invalidReason(certificate, now)
  if (reason) return [failed('tls', `${files.certFile}: ${reason}`)]
  const days = Math.floor((certificate.validTo - now) / DAY_MS)
  const text = `${files.certFile} (${certificate.names}) is good for ${days} more ${days === 1 ? 'day' : 'days'}`
  return [days < EXPIRY_WARNING_DAYS ? warning('tls', `${text}: renew it`) : ok('tls', text)]
}

function checkKeyFile({ keyFile }: CertificateFiles): Finding[] {
  // The group may be one that is made for this, as Debian's ssl-cert.
  if ((statSync(keyFile).mode & 0o007) === 0) return []
  return [failed('tls key', `${keyFile} can be read by everybody: chmod o= ${keyFile}`)]
}

function checkSocketMigration(): Finding[] {
  if (!existsSync(MIGRATE_REQ_FILE) || readFileSync(MIGRATE_REQ_FILE, 'utf8').trim() !== '0') return []
  const remedy = 'sysctl -w net.ipv4.tcp_migrate_req=1, and in /etc/sysctl.d to keep it'
  return [
    warning('tls renewal', `a connection that is just being made is lost when the certificate is renewed: ${remedy}`),
  ]
}
