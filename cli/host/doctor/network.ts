import { existsSync, readFileSync, statSync } from 'node:fs'
import type { Config } from '../../../src/config/types.ts'
import { type CertificateFiles, invalidReason, readCertificate } from '../../../src/core/certificate.ts'
import { pluralize } from '../../shared/pluralize.ts'
import { type Finding, failed, ok, warning } from './finding.ts'

const DAY_MS = 24 * 3_600_000
const EXPIRY_WARNING_DAYS = 14

/** Whether half-open connections move to the listener that takes over the port (Linux 5.14). */
const MIGRATE_REQ_FILE = '/proc/sys/net/ipv4/tcp_migrate_req'

/** Checks that traffic is encrypted. */
export function checkListener({ host, tls, exposedWithoutTls }: Config['listen'], now: number): Finding[] {
  if (tls) return [...checkCertificate(tls, now), ...checkKeyFile(tls), ...checkSocketMigration()]
  if (exposedWithoutTls) {
    return [
      warning(
        'tls',
        `plain HTTP on ${host} exposes codes and tokens: give --tls-cert and --tls-key, or use --host 127.0.0.1 behind a proxy`,
      ),
    ]
  }
  return [ok('tls', `none; ${host} can be reached from this host only, so a proxy in front must provide TLS`)]
}

function checkCertificate(files: CertificateFiles, now: number): Finding[] {
  const certificate = readCertificate(files)
  const reason = invalidReason(certificate, now)
  if (reason) return [failed('tls', `${files.certFile}: ${reason}`)]
  const days = Math.floor((certificate.validTo - now) / DAY_MS)
  const text = `${files.certFile} (${certificate.names}) is valid for ${pluralize(days, 'more day')}`
  return [days < EXPIRY_WARNING_DAYS ? warning('tls', `${text}: renew it`) : ok('tls', text)]
}

function checkKeyFile({ keyFile }: CertificateFiles): Finding[] {
  // Group access is fine: Debian has ssl-cert for this.
  if ((statSync(keyFile).mode & 0o007) === 0) return []
  return [failed('tls key', `${keyFile} can be read by everyone: run chmod o= ${keyFile}`)]
}

function checkSocketMigration(): Finding[] {
  if (!existsSync(MIGRATE_REQ_FILE) || readFileSync(MIGRATE_REQ_FILE, 'utf8').trim() !== '0') return []
  const remedy = 'set net.ipv4.tcp_migrate_req=1 with sysctl -w, and in /etc/sysctl.d to persist it'
  return [warning('tls renewal', `connections being opened during a certificate renewal are lost: ${remedy}`)]
}
