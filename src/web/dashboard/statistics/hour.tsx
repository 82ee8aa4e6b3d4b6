import './statistics.css'
import { useEffect, useMemo } from 'preact/hooks'
import type { StatsBody } from '../../../statistics/model.ts'
import { ask } from '../api/api.ts'
import { Loading, Problem } from '../parts/states.tsx'
import { createReading } from '../state/reading.ts'
import { Chart } from './chart.tsx'
import { bytes, percent } from './numbers.ts'

const rate = (count: number) => `${bytes(count)}/s`

/** What a droplet used in the last hour; read again whenever there is a new sample. */
export function Hour({ name, runs }: { name: string; runs: boolean }) {
  const { value, problem, read } = useMemo(
    () => createReading(() => ask<StatsBody>(`/droplet/stats/${encodeURIComponent(name)}`)),
    [name],
  )
  useEffect(() => {
    void read()
    const timer = setInterval(() => document.visibilityState === 'visible' && void read(), 10_000)
    return () => clearInterval(timer)
  }, [read])
  return (
    <section class="hour">
      <h2>The last hour</h2>
      {problem.value ? (
        <Problem text={problem.value} retry={() => void read()} />
      ) : value.value ? (
        <Charts stats={value.value} runs={runs} />
      ) : (
        <Loading what="what it used" />
      )}
    </section>
  )
}

function Charts({ stats: { samples }, runs }: { stats: StatsBody; runs: boolean }) {
  if (samples.length === 0) {
    return (
      <p class="soft">
        {runs
          ? 'Nothing is measured yet: a sample comes every 10 seconds.'
          : 'It does not run, and did not run lately.'}
      </p>
    )
  }
  return (
    <div class="charts">
      <Chart title="CPU" samples={samples} words={percent} least={0.1} lines={{ CPU: ({ cpu }) => cpu }} />
      <Chart title="Memory" samples={samples} words={bytes} least={1} lines={{ Memory: ({ memory }) => memory }} />
      <Chart
        title="Network"
        samples={samples}
        words={rate}
        least={1024}
        lines={{ in: ({ network_in }) => network_in, out: ({ network_out }) => network_out }}
      />
      <Chart
        title="Disk"
        samples={samples}
        words={rate}
        least={1024}
        lines={{ read: ({ disk_read }) => disk_read, written: ({ disk_written }) => disk_written }}
      />
    </div>
  )
}
