import { join } from 'node:path'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { createAccess } from '../../src/context.ts'
import { tempDir } from '../../tests/_support/temp-dir.ts'
import { startBare } from '../bare.ts'
import { placeOf, requestOf } from '../connection.ts'
import { askPaced } from '../paced.ts'
import { populate } from '../population.ts'
import type { Section } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { megabytes, ms } from '../words.ts'

const RECORDS = 100_000
const RECORDS_AT_ONCE = 5_000
const DROPLETS = 20
const BACKUPS = 40
const CONNECTIONS = 4
const ASK_EVERY_MS = 20
const BACKUP_MS = 2_000
const P99_MS = 10
/** As long as the backups take, about. */
const QUIET_MS = 8_000

/** Runs what follows so often, and prints how many milliseconds each took. */
const LOOP = `count=$1; shift
for ((; count > 0; count--)); do
  begin=$EPOCHREALTIME
  "$@" --force > /dev/null || exit
  end=$EPOCHREALTIME
  echo $(( (\${end/./} - \${begin/./}) / 1000 ))
done`

/** Backups while the list is asked for; beside it a bare server with the same bytes, to tell what the machine adds. */
export const measureBackup: Section = async stage => {
  using dir = tempDir()
  const engine = await stage.engine()
  await using matrix = await startServer({ socket: engine.socket })
  const token = await matrix.signIn('owner')
  const droplets = await populate(engine, matrix, token, DROPLETS)
  await fillAudit(matrix.dataDir)
  await using bare = await startBare(JSON.stringify(droplets))
  const { address, path } = placeOf(matrix.url)
  const list = requestOf('GET', `${path}/droplet/list`, { token })
  /** How long lists took, ours and the bare ones, while some work was going on. */
  const during = async (work: () => Promise<unknown>) => {
    const pace = { connections: CONNECTIONS, everyMs: ASK_EVERY_MS, end: Number.POSITIVE_INFINITY }
    const asking = Promise.all([
      askPaced(address, list, pace),
      askPaced(placeOf(bare.url).address, requestOf('GET', '/'), pace),
    ])
    await work()
    pace.end = performance.now()
    return (await asking).map(side => side.map(({ took }) => took))
  }
  const [quietOurs = [], quietTheirs = []] = await during(() => Bun.sleep(QUIET_MS))
  const file = join(dir.path, 'backup.tar')
  const took: number[] = []
  const [ours = [], theirs = []] = await during(async () => {
    // By a shell, as a person or a timer would: to start a process stops the one that starts it, which here asks for lists.
    const told = await run([
      'bash',
      '-c',
      LOOP,
      'bash',
      String(BACKUPS),
      binary,
      'backup',
      file,
      '--data-dir',
      matrix.dataDir,
    ])
    took.push(...told.trim().split('\n').map(Number))
  })
  const { size } = Bun.file(file)
  const slowest = Math.max(...took)
  const p99 = quantile(ours, 0.99)
  const row = (name: string, ...sides: number[][]) => [
    name,
    ...sides.flatMap(times => [ms(median(times)), ms(quantile(times, 0.99)), ms(Math.max(...times))]),
  ]
  const what = `a backup of ${RECORDS} records of the audit (${megabytes(size / 1_000_000)})`
  return {
    verdicts: [
      {
        what: `\`cikit-api backup\`: ${what}, while the list is asked for`,
        reach: `under ${ms(BACKUP_MS)}`,
        measured: `${ms(median(took))}, the slowest of ${BACKUPS} ${ms(slowest)}`,
        met: slowest < BACKUP_MS,
      },
      {
        what: `GET /droplet/list of ${DROPLETS} during ${BACKUPS} such backups`,
        reach: `p99 under ${ms(P99_MS)}`,
        measured: ms(p99),
        met: p99 < P99_MS,
      },
    ],
    tables: [
      {
        about: `${BACKUPS} backups one after another, the list asked for ${(CONNECTIONS * 1000) / ASK_EVERY_MS} times a second on ${CONNECTIONS} connections, and as often the same bytes from a bare Bun.serve, which tells what the machine adds`,
        head: ['', 'ours, p50', 'p99', 'longest', 'bare, p50', 'p99', 'longest'],
        rows: [row('during backups', ours, theirs), row('as long without', quietOurs, quietTheirs)],
      },
    ],
  }
}

async function fillAudit(dataDir: string): Promise<void> {
  const access = await createAccess({ dataDir, hostLabel: 'matrix.test' })
  const act = { user: 'owner', address: '192.0.2.17', action: 'droplet.stop' }
  for (let count = 0; count < RECORDS; count += RECORDS_AT_ONCE) {
    await access.db.write(() => {
      for (let number = 0; number < RECORDS_AT_ONCE; number++) access.audit.record(act, 'cikit01')
    })
  }
  await access.close()
}
