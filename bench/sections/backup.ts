import { join } from 'node:path'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { createCoreContext } from '../../src/core-context.ts'
import { tempDir } from '../../tests/testkit/temp-dir.ts'
import { startBareServer } from '../bare-servers.ts'
import { addressOf, requestOf } from '../connection.ts'
import { setDropletCount } from '../droplet-load.ts'
import { sendAtFixedRate } from '../fixed-rate-load.ts'
import { formatMegabytes, formatMs } from '../format.ts'
import type { MeasureSection } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'

const RECORDS = 100_000
const RECORDS_PER_WRITE = 5_000
const DROPLETS = 20
const BACKUPS = 40
const CONNECTIONS = 4
const REQUEST_INTERVAL_MS = 20
const BACKUP_LIMIT_MS = 2_000
const P99_LIMIT_MS = 10
/** About as long as the backups take. */
const IDLE_MS = 8_000

/** Runs a command N times and prints the milliseconds of each run: `N COMMAND…`. */
const TIMING_LOOP_SCRIPT = `count=$1; shift
for ((; count > 0; count--)); do
  start=$EPOCHREALTIME
  "$@" --force > /dev/null || exit
  end=$EPOCHREALTIME
  echo $(( (\${end/./} - \${start/./}) / 1000 ))
done`

/** Backups during list requests. A bare server that sends the same bytes shows the machine's own latency. */
export const measureBackup: MeasureSection = async context => {
  using dir = tempDir()
  const engine = await context.engine()
  await using server = await startServer({ socket: engine.socket })
  const token = await server.logInAs('owner')
  const droplets = await setDropletCount(engine, server, token, DROPLETS)
  await fillAuditLog(server.dataDir)
  await using bareServer = await startBareServer(JSON.stringify(droplets))
  const { address, path } = addressOf(server.url)
  const list = requestOf('GET', `${path}/droplet/list`, { token })
  /** Durations of list requests to us and to the bare server while `work` runs, in ms. */
  const measureDuring = async (work: () => Promise<unknown>) => {
    const options = { connections: CONNECTIONS, everyMs: REQUEST_INTERVAL_MS, end: Number.POSITIVE_INFINITY }
    const requesting = Promise.all([
      sendAtFixedRate(address, list, options),
      sendAtFixedRate(addressOf(bareServer.url).address, requestOf('GET', '/'), options),
    ])
    await work()
    options.end = performance.now()
    return (await requesting).map(requests => requests.map(({ durationMs }) => durationMs))
  }
  const [idleOurs = [], idleBare = []] = await measureDuring(() => Bun.sleep(IDLE_MS))
  const file = join(dir.path, 'backup.tar')
  const backupTimes: number[] = []
  const [ourTimes = [], bareTimes = []] = await measureDuring(async () => {
    // In a shell: spawning a process blocks the spawning one, which sends the list requests here.
    const output = await run([
      'bash',
      '-c',
      TIMING_LOOP_SCRIPT,
      'bash',
      String(BACKUPS),
      binary,
      'backup',
      file,
      '--data-dir',
      server.dataDir,
    ])
    backupTimes.push(...output.trim().split('\n').map(Number))
  })
  const { size } = Bun.file(file)
  const slowest = Math.max(...backupTimes)
  const p99 = quantile(ourTimes, 0.99)
  const toRow = (name: string, ...timeSeries: number[][]) => [
    name,
    ...timeSeries.flatMap(times => [
      formatMs(median(times)),
      formatMs(quantile(times, 0.99)),
      formatMs(Math.max(...times)),
    ]),
  ]
  const description = `a backup of ${RECORDS.toLocaleString('en')} audit records (${formatMegabytes(size / 1_000_000)})`
  return {
    verdicts: [
      {
        description: `\`cikit-api backup\`: ${description}, during list requests`,
        target: `under ${formatMs(BACKUP_LIMIT_MS)}`,
        measured: `${formatMs(median(backupTimes))}, slowest of ${BACKUPS}: ${formatMs(slowest)}`,
        isMet: slowest < BACKUP_LIMIT_MS,
      },
      {
        description: `GET /droplet/list, ${DROPLETS} droplets, during ${BACKUPS} such backups`,
        target: `p99 under ${formatMs(P99_LIMIT_MS)}`,
        measured: formatMs(p99),
        isMet: p99 < P99_LIMIT_MS,
      },
    ],
    tables: [
      {
        caption: `${BACKUPS} backups one after another, with ${(CONNECTIONS * 1000) / REQUEST_INTERVAL_MS} list requests a second on ${CONNECTIONS} connections; a bare Bun.serve sends the same bytes at the same rate and shows the machine's own latency`,
        columns: ['', 'ours, p50', 'p99', 'max', 'bare, p50', 'p99', 'max'],
        rows: [toRow('during backups', ourTimes, bareTimes), toRow('without backups', idleOurs, idleBare)],
      },
    ],
  }
}

async function fillAuditLog(dataDir: string): Promise<void> {
  const coreContext = await createCoreContext({ dataDir, hostLabel: 'matrix.test' })
  const actor = { user: 'owner', address: '192.0.2.17', action: 'droplet.stop' }
  for (let count = 0; count < RECORDS; count += RECORDS_PER_WRITE) {
    await coreContext.db.write(() => {
      for (let number = 0; number < RECORDS_PER_WRITE; number++) coreContext.audit.record(actor, 'cikit01')
    })
  }
  await coreContext.close()
}
