/** Where the service lies on a host, and under which name. */
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

/** Where `upgrade` keeps the binary it replaced. */
export const previousPath = (binary: string) => `${binary}.previous`
