/** Paths and names of the service on a host. */
export const layout = {
  binary: '/usr/local/bin/cikit-api',
  settings: '/etc/cikit-api/cikit-api.env',
  unit: '/etc/systemd/system/cikit-api.service',
  /** The data directory that systemd knows as `StateDirectory=cikit-api`. */
  dataDir: '/var/lib/cikit-api',
  unitName: 'cikit-api.service',
  /** The account, and the group of the same name. */
  account: 'cikit-api',
} as const

/** Path of the replaced binary. */
export const previousPath = (binary: string) => `${binary}.previous`

/** Path of a binary before it replaces another. */
export const stagedPath = (binary: string) => `${binary}.new`
