import type { Network } from '../core/network.ts'

/** The address of the engine: the absolute path of a unix socket, or the origin of an HTTP address. */
export type EngineAddress = { kind: 'unix'; path: string } | { kind: 'tcp'; origin: string }

/** Configuration of the commands on the host, which need neither a listener nor an engine. */
export interface CoreConfig {
  /** Absolute path. */
  dataDir: string
  /** Encryption key file outside the data directory. Absolute path. */
  keyFile?: string
  /** Host name shown in authenticator apps. */
  hostLabel: string
}

/** The data that a backup contains. */
export interface DataLocations extends CoreConfig {
  /** Absolute path. */
  credentialsDir: string
}

export interface Config extends CoreConfig {
  listen: {
    host: string
    /** 0 lets the system choose. */
    port: number
    tls?: { certFile: string; keyFile: string }
    /** Plain HTTP on a non-loopback address: allowed, with a warning at start. */
    exposedWithoutTls: boolean
    /** Lower case; empty for any. */
    allowedHosts: readonly string[]
    /** Proxies whose `X-Forwarded-For` entries are trusted. */
    trustedProxies: readonly Network[]
  }
  /** Listener for metrics; undefined when off. */
  metrics?: {
    host: string
    /** 0 lets the system choose. */
    port: number
    /** On a non-loopback address: allowed, with a warning at start. */
    isExposed: boolean
  }
  /** Ends in a slash; empty when not set. */
  publicUrl: string
  engine: EngineAddress
  droplets: {
    prefix: string
    domain: string
    image: string
    /** Absolute path. */
    credentialsDir: string
  }
  /** Scheduled backups; undefined when off. */
  backups?: BackupSchedule
}

export interface BackupSchedule {
  intervalMs: number
  /** Number of backups to keep. */
  retainCount: number
  /** Absolute path. */
  dir: string
}

export interface ClientConfig {
  /** Absolute path. */
  sessionFile: string
  /** Directory of the user's own SSH keys. Absolute path. */
  sshDir: string
}
