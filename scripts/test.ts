import { existsSync } from 'node:fs'
import { installPackages, isRoot, missingPackages } from './lib/debian.ts'
import { logStep, print, runScript, UserError } from './lib/terminal.ts'

// Lint, types, unit and HTTP tests, build, end-to-end tests, fault tests; with the word `faults` the build and the fault
// tests alone, in more rounds. The last line says `N passed, N failed`.

const rootPackages = [
  'docker.io',
  'iptables',
  'iproute2',
  'debootstrap',
  'busybox-static',
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

/** A limit for what hangs, not a measure: a true droplet boots in seconds, and on a busy machine in many. */
const TEST_LIMIT_MS = 120_000

interface TestCount {
  passed: number
  failed: number
}

/** How often the server is killed, and the like, where chance decides what that meets. */
const FAULT_ROUNDS = 200

await runScript(async () => {
  const onlyFaults = process.argv[2] === 'faults'
  const skipReason = await findSkipReason()
  const counts: TestCount[] = []
  if (!onlyFaults) {
    counts.push(
      await runStep('Lint', ['biome', 'check', '--error-on-warnings', '.']),
      await runStep('Types', ['tsc', '--noEmit']),
      await runStep('Types of the dashboard', ['tsc', '--noEmit', '-p', 'src/web/dashboard']),
      await runBunTest('Unit and HTTP tests', ['--path-ignore-patterns', 'tests/{e2e,faults}/**']),
    )
  }
  if (skipReason) {
    logStep(`Left out: the end-to-end and fault tests. ${skipReason}`)
    if (process.env.CI || onlyFaults)
      throw new UserError('Nothing is left out in CI, nor when the fault tests are asked for')
  } else {
    counts.push(await runStep('Build', ['bun', 'scripts/build.ts']))
    const { prepareEngines } = await import('../tests/testkit/e2e/engines.ts')
    logStep('Preparing the Docker Engines of these tests (minutes at the first time, then kept in .cikit/cache)')
    await prepareEngines()
    if (onlyFaults) process.env.CIKIT_FAULT_ROUNDS ??= String(FAULT_ROUNDS)
    else counts.push(await runBunTest('End-to-end tests', ['tests/e2e']))
    counts.push(await runBunTest('Fault tests', ['tests/faults']))
  }
  const passed = counts.reduce((sum, count) => sum + count.passed, 0)
  const failed = counts.reduce((sum, count) => sum + count.failed, 0)
  if (failed > 0) process.exitCode = 1
  print(`${passed} passed, ${failed} failed`)
})

/** Why the end-to-end and fault tests cannot run here, and what to do about it; installs what root may install. */
async function findSkipReason(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'They need Linux.'
  if (!isRoot) return 'They start Docker Engines of their own: run npm test as root.'
  if (!existsSync('/usr/bin/apt-get')) {
    const missing = missingPackages(rootPackages)
    return missing.length > 0 ? `Install what Debian calls ${missing.join(', ')} first.` : undefined
  }
  await installPackages(rootPackages)
  return undefined
}

/** A step that passes or fails as a whole. */
async function runStep(name: string, command: string[]): Promise<TestCount> {
  logStep(name)
  const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' })
  return (await child.exited) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

/** Runs `bun test`, and counts by its closing lines (` 5 pass`, ` 0 fail`, ` 1 error`). */
async function runBunTest(name: string, args: string[]): Promise<TestCount> {
  logStep(name)
  const child = Bun.spawn(['bun', 'test', '--only-failures', '--timeout', String(TEST_LIMIT_MS), ...args], {
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
  // A run that ended badly without a count (a crash, no test found) is a failure all the same.
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed }
}
