import './stats.css'
import { useEffect, useMemo } from 'preact/hooks'
import type { StatsBody } from '../../../droplets/stats/schema.ts'
import { requestJson } from '../api/client.ts'
import { ErrorMessage, Loading } from '../components/placeholders.tsx'
import { createResource } from '../state/resource.ts'
import { Chart } from './chart.tsx'
import { formatBytes, formatPercent } from './format.ts'

const formatRate = (count: number) => `${formatBytes(count)}/s`

/** What a droplet used in the last hour; read again whenever there is a new sample. */
export function LastHour({ name, isRunning }: { name: string; isRunning: boolean }) {
  const { data, errorText, load } = useMemo(
    () => createResource(() => requestJson<StatsBody>(`/droplet/stats/${encodeURIComponent(name)}`)),
    [name],
  )
  useEffect(() => {
    void load()
    const timer = setInterval(() => document.visibilityState === 'visible' && void load(), 10_000)
    return () => clearInterval(timer)
  }, [load])
  return (
    <section class="hour">
      <h2>The last hour</h2>
      {errorText.value ? (
        <ErrorMessage text={errorText.value} onRetry={() => void load()} />
      ) : data.value ? (
        <Charts stats={data.value} isRunning={isRunning} />
      ) : (
        <Loading label="what it used" />
      )}
    </section>
  )
}

function Charts({ stats: { samples }, isRunning }: { stats: StatsBody; isRunning: boolean }) {
  if (samples.length === 0) {
    return (
      <p class="soft">
        {isRunning
          ? 'Nothing is measured yet: a sample comes every 10 seconds.'
          : 'It does not run, and did not run lately.'}
      </p>
    )
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
