import { layout } from './layout.ts'

/** What of the unit depends on settings and host. */
export interface UnitOptions {
  /** Absolute path. */
  dataDir: string
  /** Directories outside of the data directory that are written to. Absolute paths. */
  writable: readonly string[]
  /** Names or numbers: that of the engine's socket, and that of TLS keys. */
  groups: readonly string[]
  /** Where it listens, which below 1024 takes a capability. */
  port: number
}

/** The text of the systemd unit: systemd.service(5), systemd.exec(5). */
export function renderUnit({ dataDir, writable, groups, port }: UnitOptions): string {
  const usesStateDirectory = dataDir === layout.dataDir
  const paths = usesStateDirectory ? writable : [dataDir, ...writable]
  const capability = port > 0 && port < 1024 ? 'CAP_NET_BIND_SERVICE' : ''
  const lines = [
    '# Written by `cikit-api install`, which replaces it. Changes of your own go into a drop-in: systemctl edit cikit-api',
    '[Unit]',
    'Description=REST API of a CIKit Matrix',
    'Wants=network-online.target',
    'After=network-online.target docker.service',
    '# What fails is tried again for as long as it takes.',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${layout.binary} serve`,
    '# Takes a renewed certificate into use.',
    'ExecReload=/bin/kill -HUP $MAINPID',
    `Environment="CIKIT_API_DATA_DIR=${escapeValue(dataDir)}"`,
    `EnvironmentFile=${layout.settings}`,
    `User=${layout.account}`,
    `Group=${layout.account}`,
    ...(groups.length > 0 ? [`SupplementaryGroups=${groups.join(' ')}`] : []),
    ...(usesStateDirectory ? ['StateDirectory=cikit-api', 'StateDirectoryMode=0700'] : []),
    ...paths.map(path => `ReadWritePaths="${escapeValue(path)}"`),
    'UMask=0077',
    'LimitNOFILE=65536',
    'Restart=on-failure',
    'RestartSec=1',
    '# 2 is a setting that is wrong, which another start does not mend.',
    'RestartPreventExitStatus=2',
    'KillSignal=SIGTERM',
    '# Running changes of droplets have 60 s to end.',
    'TimeoutStopSec=75',
    '',
    ...sandboxOptions(capability),
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ]
  return `${lines.join('\n')}\n`
}

/** What the service cannot do, whatever becomes of it. */
function sandboxOptions(capability: string): string[] {
  return [
    'NoNewPrivileges=yes',
    `CapabilityBoundingSet=${capability}`,
    `AmbientCapabilities=${capability}`,
    'ProtectSystem=strict',
    'ProtectHome=yes',
    'PrivateTmp=yes',
    'PrivateDevices=yes',
    'PrivateMounts=yes',
    'ProtectKernelTunables=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelLogs=yes',
    'ProtectControlGroups=yes',
    'ProtectClock=yes',
    'ProtectHostname=yes',
    'ProtectProc=invisible',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'LockPersonality=yes',
    'RemoveIPC=yes',
    'SystemCallArchitectures=native',
    'SystemCallFilter=@system-service',
    'SystemCallFilter=~@privileged @resources',
    'SystemCallErrorNumber=EPERM',
    '# No MemoryDenyWriteExecute: the JavaScript engine writes the machine code that it runs.',
  ]
}

/** For what stands between double quotes: systemd.syntax(7), and `%` begins a specifier. */
function escapeValue(text: string): string {
  return text.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%')
}
