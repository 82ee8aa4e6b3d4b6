import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { certificateFiles, createCertificate } from '../testkit/certificates.ts'
import { createFakeDocker } from '../testkit/docker/fake-docker.ts'
import { monitoringDir, startPrometheus } from '../testkit/e2e/prometheus.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { metricNamesIn } from '../testkit/prometheus-text.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// Validates deploy/monitoring with Prometheus's own tools and against the metrics of the binary.

interface Panel {
  id: number
  type: string
  title: string
  targets?: { expr: string }[]
}

const dir = tempDir()
const engine = createFakeDocker()
const filePath = (name: string) => join(monitoringDir, name)
const dashboard: { panels: Panel[]; annotations: { list: { expr: string }[] } } = JSON.parse(
  readFileSync(filePath('grafana-dashboard.json'), 'utf8'),
)
const rules = readFileSync(filePath('cikit-api.rules.yml'), 'utf8')
/** All queries of the dashboard, with Grafana's variables replaced. */
const queries = [
  ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.annotations.list.map(({ expr }) => expr),
].map(expr => expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*'))

let server: ServerProcess
let address: string
let metricsText: string

beforeAll(async () => {
  const files = certificateFiles(dir.path)
  files.install(await createCertificate('matrix.test'))
  server = await startServerProcess({ socket: engine.socket, flags: [...files.flags, '--metrics-listen', '0'] })
  const token = await server.logInAs('owner')
  await server.callDroplets('POST', 'add', token)
  address = String(server.log.find(({ message }) => message === 'metrics listening')?.address)
  metricsText = await (await fetch(address)).text()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
  dir[Symbol.dispose]()
})

test('the metrics pass promtool check', async () => {
  const child = Bun.spawn(['promtool', 'check', 'metrics'], {
    stdin: new Blob([metricsText]),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: '', stderr: '' })
})

test('configuration and rules are valid, and each alert is tested', async () => {
  expect(await run(['promtool', 'check', 'config', filePath('prometheus.yml')])).toContain('SUCCESS')
  expect(await run(['promtool', 'check', 'rules', filePath('cikit-api.rules.yml')])).toContain('SUCCESS')
  expect(await run(['promtool', 'test', 'rules', filePath('cikit-api.rules.test.yml')])).toContain('SUCCESS')
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name)
  const tested = [...readFileSync(filePath('cikit-api.rules.test.yml'), 'utf8').matchAll(/- name: '(\w+):/g)]
  expect(tested.map(([, name = '']) => name).toSorted()).toEqual(alerts.toSorted())
})

test('rules and dashboard use only metrics that exist', () => {
  const exportedNames = new Set(metricNamesIn(metricsText))
  const usedNames = [rules, ...queries].join('\n').match(/\b(cikit_api|process)_[a-z0-9_]+/g) ?? []
  const unknown = usedNames.filter(
    name => !exportedNames.has(name) && !exportedNames.has(name.replace(/_(bucket|sum|count)$/, '')),
  )
  expect([usedNames.length > 50, unknown]).toEqual([true, []])
})

test('every metric is documented', () => {
  const readme = readFileSync(filePath('README.md'), 'utf8')
  const described = [...readme.matchAll(/`(cikit_api_[a-z_]+)`/g)].map(([, name = '']) => name)
  const exportedNames = metricNamesIn(metricsText).filter(name => !name.startsWith('process_'))
  expect(exportedNames.toSorted()).toEqual([...new Set(described)].toSorted())
})

test('the dashboard needs no Grafana plugins', () => {
  const types = new Set(dashboard.panels.map(({ type }) => type))
  expect([...types].toSorted()).toEqual(['row', 'stat', 'timeseries'])
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
})

describe('Prometheus after scraping the server', () => {
  test('has the metrics, answers every query of the dashboard and fires no alert', async () => {
    await using prometheus = await startPrometheus(new URL(address).host)
    const queryValue = async (expression: string) => (await prometheus.query(expression)).data?.result[0]?.value[1]
    // Rates need two scrapes.
    expect(await pollUntil(15_000, async () => Number(await queryValue('count_over_time(up[1m])')) >= 2)).toBe(true)
    expect(await queryValue('up{job="cikit-api", matrix="matrix.example.com"}')).toBe('1')
    expect(await queryValue('cikit_api_engine_up')).toBe('1')
    expect(await queryValue('cikit_api_droplets{state="running"}')).toBe('1')
    expect(await queryValue('cikit_api_operations_total{kind="add",state="done"}')).toBe('1')
    expect(Number(await queryValue('cikit_api_certificate_end_time_seconds - time()'))).toBeWithin(
      29 * 86_400,
      30 * 86_400,
    )
    for (const query of queries) {
      const { status, error } = await prometheus.query(query)
      expect({ query, status, error }).toEqual({ query, status: 'success', error: undefined })
    }
    const loaded = JSON.stringify(await prometheus.get('/rules'))
    expect(loaded).toContain('CikitApiDown')
    expect(loaded).not.toContain('"health":"err"')
    expect(await queryValue('count(ALERTS)')).toBeUndefined()
  })
})
