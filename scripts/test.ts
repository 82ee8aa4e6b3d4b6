import { existsSync } from 'node:fs'
import { type DebianPackage, enginePackages, installPackages, isPackageMissing, isRoot } from './lib/debian.ts'
import { logStep, print, runScript, scriptArguments, UserError } from './lib/terminal.ts'

// `npm test`: lint, types, unit and HTTP tests, build, end-to-end tests, fault tests. `npm run test:faults`: the build
// and the fault tests with more rounds. `--yes` installs missing Debian packages without asking. The last line of the
// output is `N passed, N failed`.

const testPackages: DebianPackage[] = [
  ...enginePackages,
  'oathtool',
  'zbar-tools',
  'openssh-client',
  'openssl',
  'chromium',
  'curl',
  'prometheus',
  'faketime',
  'strace',
  'zsh',
  'fish',
  'mandoc',
  'groff-base',
  'g++',
  'musl-tools',
  'qemu-user-static',
  'libc6-arm64-cross',
  'ansible-core',
  'docker-compose',
]

/** Only a hanging test reaches this: a real droplet boots in seconds, on a busy machine in many. */
const TEST_TIMEOUT_MS = 120_000

/**
 * Unit tests spend half of their time waiting, so two workers nearly halve it; more would disturb those that measure
 * time.
 */
const UNIT_TEST_WORKERS = 2

/** Rounds of `test:faults` for faults that strike at a random moment, such as kill -9. */
const FAULT_ROUNDS = 200

interface TestCount {
  passed: number
  failed: number
}

await runScript(async () => {
  const onlyFaults = scriptArguments()[0] === 'faults'
  const skipReason = await findSkipReason()
  if (skipReason && (process.env.CI || onlyFaults)) throw new UserError(`The fault tests cannot run. ${skipReason}`)
  // Build and engines are prepared while the checks run: the first time this takes minutes, mostly downloads.
  const preparing = skipReason ? undefined : prepareEngineTests()
  preparing?.catch(() => undefined)
  const counts: TestCount[] = []
  if (!onlyFaults) counts.push(...(await runChecks()))
  if (preparing) counts.push(await preparing, ...(await runEngineTests(onlyFaults)))
  else logStep(`Skipped: the end-to-end and fault tests. ${skipReason}`)
  const passed = counts.reduce((sum, count) => sum + count.passed, 0)
  const failed = counts.reduce((sum, count) => sum + count.failed, 0)
  if (failed > 0) process.exitCode = 1
  print(`${passed} passed, ${failed} failed`)
})

/** Everything that needs neither root nor an engine. */
async function runChecks(): Promise<TestCount[]> {
  const staticChecks = await Promise.all([
    runStep('Lint', ['biome', 'check', '--error-on-warnings', '.']),
    runStep('Types', ['tsc', '--noEmit']),
    runStep('Types of the dashboard', ['tsc', '--noEmit', '-p', 'src/web/dashboard']),
  ])
  // Files share a worker's modules: loading them for each file would cost more than the parallel run saves.
  const parallel = [`--parallel=${UNIT_TEST_WORKERS}`, '--no-isolate']
  const unitTests = ['--path-ignore-patterns', 'tests/{e2e,faults}/**']
  return [...staticChecks, await runBunTest('Unit and HTTP tests', [...parallel, ...unitTests])]
}

async function prepareEngineTests(): Promise<TestCount> {
  const built = await runStep('Build', ['bun', 'scripts/build.ts'])
  const { prepareEngines } = await import('../tests/testkit/e2e/prepare-engines.ts')
  logStep('Preparing the Docker Engines of the tests (minutes the first time, then cached in .cikit/cache)')
  await prepareEngines()
  return built
}

async function runEngineTests(onlyFaults: boolean): Promise<TestCount[]> {
  const counts: TestCount[] = []
  if (onlyFaults) process.env.CIKIT_FAULT_ROUNDS ??= String(FAULT_ROUNDS)
  else counts.push(await runBunTest('End-to-end tests', ['tests/e2e']))
  counts.push(await runBunTest('Fault tests', ['tests/faults']))
  return counts
}

/**
 * Installs missing packages as root.
 * @returns why the end-to-end and fault tests cannot run here and what to do; undefined when they can
 * @throws UserError when packages are missing and may not be installed
 */
async function findSkipReason(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'They need Linux.'
  if (!isRoot) return 'They start Docker Engines of their own: run npm test as root.'
  if (!existsSync('/usr/bin/apt-get')) {
    const missing = testPackages.filter(isPackageMissing)
    return missing.length > 0 ? `Install these first (names of Debian packages): ${missing.join(', ')}.` : undefined
  }
  await installPackages(testPackages)
  return undefined
}

/** A step that passes or fails as a whole. Its output is printed at its end, since steps run concurrently. */
async function runStep(name: string, command: string[]): Promise<TestCount> {
  const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  logStep(`${name}: ${exitCode === 0 ? 'passed' : 'FAILED'}`)
  process.stdout.write(stdout + stderr)
  return exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

/** Runs `bun test` and reads the counts from its closing lines (` 5 pass`, ` 0 fail`, ` 1 error`). */
async function runBunTest(name: string, args: string[]): Promise<TestCount> {
  logStep(name)
  const child = Bun.spawn(['bun', 'test', '--only-failures', '--timeout', String(TEST_TIMEOUT_MS), ...args], {
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'pipe',
  })
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of child.stderr) {
    process.stderr.write(chunk)
    text += decoder.decode(chunk, { stream: true })
  }
  const code = await child.exited
  const count = (word: string) => Number(new RegExp(`^ *(\\d+) ${word}s?$`, 'm').exec(Bun.stripANSI(text))?.[1] ?? 0)
  const passed = count('pass')
  const failed = count('fail') + count('error')
  // A run that ends badly without a count (a crash, no test found) counts as one failure.
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed }
}
