import { layout } from './layout.ts'

/** The parts of the unit that depend on settings and host. */
interface UnitOptions {
  /** Absolute path. */
  dataDir: string
  /** Directories outside the data directory that the service writes to. Absolute paths. */
  writable: readonly string[]
  /** Names of the groups of the engine's socket and of TLS keys. */
  groups: readonly string[]
  /** Port to listen on. Below 1024 it needs a capability. */
  port: number
}

/** The text of the systemd unit: systemd.service(5), systemd.exec(5). */
export function renderUnit({ dataDir, writable, groups, port }: UnitOptions): string {
  const usesStateDirectory = dataDir === layout.dataDir
  const paths = usesStateDirectory ? writable : [dataDir, ...writable]
  const capability = port > 0 && port < 1024 ? 'CAP_NET_BIND_SERVICE' : ''
  const lines = [
    '# Written by `cikit-api install`, which overwrites changes. Put your own into a drop-in: systemctl edit cikit-api',
    '[Unit]',
    'Description=REST API of a CIKit Matrix',
    'Wants=network-online.target',
    'After=network-online.target docker.service',
    '# Restart without a limit.',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${layout.binary} serve`,
    '# Loads a renewed certificate.',
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
    '# 2 means an invalid setting, which a restart cannot fix.',
    'RestartPreventExitStatus=2',
    'KillSignal=SIGTERM',
    '# Running droplet operations have 60 s to end.',
    'TimeoutStopSec=75',
    '',
    ...sandboxOptions(capability),
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ]
  return `${lines.join('\n')}\n`
}

/** Restrictions that hold even if the service is compromised. */
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
    '# No MemoryDenyWriteExecute: the JavaScript engine compiles at run time.',
  ]
}

/** Escapes text between double quotes (systemd.syntax(7)); `%` starts a specifier. */
function escapeValue(text: string): string {
  return text.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%')
}
