import './stats.css'
import { useEffect } from 'preact/hooks'
import type { StatsBody } from '../../../droplets/stats/schema.ts'
import { requestJson } from '../api/client.ts'
import { ErrorMessage, Loading } from '../components/placeholders.tsx'
import { useResource } from '../state/resource.ts'
import { Chart } from './chart.tsx'
import { formatBytes, formatPercent } from './format.ts'

/** How often the server takes a sample. */
const SAMPLE_INTERVAL_MS = 10_000

const formatRate = (count: number) => `${formatBytes(count)}/s`

export function LastHour({ name, isRunning }: { name: string; isRunning: boolean }) {
  const { data, errorText, load } = useResource(() =>
    requestJson<StatsBody>(`/droplet/stats/${encodeURIComponent(name)}`),
  )
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && void load(), SAMPLE_INTERVAL_MS)
    return () => clearInterval(timer)
  }, [load])
  return (
    <section class="last-hour">
      <h2>Last hour</h2>
      {errorText.value ? (
        <ErrorMessage text={errorText.value} onRetry={() => void load()} />
      ) : data.value ? (
        <Charts stats={data.value} isRunning={isRunning} />
      ) : (
        <Loading label="usage" />
      )}
    </section>
  )
}

function Charts({ stats: { samples }, isRunning }: { stats: StatsBody; isRunning: boolean }) {
  if (samples.length === 0) {
    return <p class="muted">{isRunning ? 'Collecting data…' : 'Stopped; no data for the last hour'}</p>
  }
  return (
    <div class="charts">
      <Chart title="CPU" samples={samples} format={formatPercent} minTop={0.1} series={{ CPU: ({ cpu }) => cpu }} />
      <Chart
        title="Memory"
        samples={samples}
        format={formatBytes}
        minTop={1}
        series={{ Memory: ({ memory }) => memory }}
      />
      <Chart
        title="Network"
        samples={samples}
        format={formatRate}
        minTop={1024}
        series={{ in: ({ network_in }) => network_in, out: ({ network_out }) => network_out }}
      />
      <Chart
        title="Disk"
        samples={samples}
        format={formatRate}
        minTop={1024}
        series={{ read: ({ disk_read }) => disk_read, written: ({ disk_written }) => disk_written }}
      />
    </div>
  )
}
