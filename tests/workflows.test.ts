import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { scripts } from '../package.json'

// The GitHub workflows call what exists, and third parties cannot change what they run.

const root = join(import.meta.dir, '..')
const folder = join(root, '.github/workflows')
const workflows = readdirSync(folder).map(file => {
  const text = readFileSync(join(folder, file), 'utf8')
  return { file, text, workflow: Bun.YAML.parse(text) as Workflow }
})

interface Workflow {
  on: Record<string, unknown>
  permissions: Record<string, string>
  jobs: Record<string, Job>
}
interface Job {
  uses?: string
  needs?: string
  steps?: { uses?: string; run?: string }[]
}

const jobs = workflows.flatMap(({ workflow }) => Object.values(workflow.jobs))
const steps = jobs.flatMap(job => job.steps ?? [])

test('both workflows are valid YAML, and each job has steps or calls a workflow', () => {
  expect(workflows.map(({ file }) => file).sort()).toEqual(['ci.yml', 'release.yml'])
  for (const job of jobs) expect(job.uses ?? job.steps?.length).toBeTruthy()
})

test('the check runs .ci/run, and a release waits for it', () => {
  const findWorkflow = (name: string) => workflows.find(({ file }) => file === name)?.workflow
  expect(findWorkflow('ci.yml')?.jobs.check?.steps).toContainEqual({ run: '.ci/run' })
  expect(findWorkflow('release.yml')?.on).toEqual({ push: { tags: ['v*'] } })
  expect(findWorkflow('release.yml')?.jobs.check?.uses).toBe('./.github/workflows/ci.yml')
  expect(findWorkflow('release.yml')?.jobs.publish?.needs).toBe('check')
})

test('the workflows call only scripts and files that exist', () => {
  const run = steps.map(step => step.run ?? '').join('\n')
  const scriptNames = [...run.matchAll(/npm run ([\w:]+)/g)].map(match => match[1] ?? '')
  expect(scriptNames).toEqual(['release'])
  for (const name of scriptNames) expect(Object.keys(scripts)).toContain(name)
  for (const { uses } of jobs) if (uses) expect(existsSync(join(root, uses))).toBe(true)
})

test('actions are pinned to a commit, and workflows have only read access', () => {
  for (const { uses } of steps) if (uses) expect(uses).toMatch(/^actions\/[\w-]+@[0-9a-f]{40}$/)
  for (const { workflow } of workflows) expect(workflow.permissions).toEqual({ contents: 'read' })
})

test('no expression is interpolated into a shell script', () => {
  for (const { run } of steps) expect(run ?? '').not.toContain('${{')
})
