// Response bodies, as Docker 20.10 sends them.

export const CONTAINER_ID = '7e16c2cb0bf6'.padEnd(64, '0')

export const NEVER_TIME = '0001-01-01T00:00:00Z'

/** An entry of `GET /containers/json`, by default of a running droplet. */
export function containerEntry(overrides: Record<string, unknown> = {}) {
  return {
    Id: CONTAINER_ID,
    Names: ['/cikit22'],
    Image: 'br0ken/ubuntu-systemd',
    Created: 1_767_323_045,
    State: 'running',
    Status: 'Up 8 minutes',
    Ports: [{ IP: '0.0.0.0', PrivatePort: 22, PublicPort: 2222, Type: 'tcp' }],
    Labels: {},
    ...overrides,
  }
}

/** `GET /containers/ID/json`, by default of a running droplet. */
export function containerDetails(
  overrides: Record<string, unknown> = {},
  stateOverrides: Record<string, unknown> = {},
) {
  return {
    Id: CONTAINER_ID,
    Created: '2026-01-02T03:04:05.123456789Z',
    Name: '/cikit22',
    State: {
      Status: 'running',
      Running: true,
      Paused: false,
      Restarting: false,
      Dead: false,
      ExitCode: 0,
      StartedAt: '2026-01-02T03:04:06.5Z',
      FinishedAt: NEVER_TIME,
      ...stateOverrides,
    },
    Config: { Hostname: 'cikit22.matrix.test', Domainname: '', Image: 'br0ken/ubuntu-systemd' },
    NetworkSettings: { Ports: { '22/tcp': [{ HostIp: '0.0.0.0', HostPort: '2222' }] } },
    ...overrides,
  }
}

/** As many entries as Docker sends, for a realistic response size. */
const MEMORY_STATS = Object.fromEntries(
  Array.from({ length: 36 }, (_, index) => [`kind_of_memory_${index}`, index * 4_096]),
)

/** `GET /containers/ID/stats` with half a core in use. */
export function containerStats(isRunning: boolean) {
  return {
    read: isRunning ? new Date().toISOString() : NEVER_TIME,
    cpu_stats: { cpu_usage: { total_usage: Date.now() * 500_000 } },
    memory_stats: isRunning ? { usage: 64 * 1024 * 1024, limit: 8 * 1024 ** 3, stats: MEMORY_STATS } : {},
    blkio_stats: { io_service_bytes_recursive: [{ major: 8, minor: 0, op: 'read', value: 4096 }] },
    networks: { eth0: { rx_bytes: 4_711, rx_packets: 47, tx_bytes: 1_147, tx_packets: 11 } },
    pids_stats: { current: 12, limit: 28_000 },
  }
}
