import { describe, expect, mock, test } from 'bun:test'
import { type DebianPackage, installPackages, type PackageHost } from '../../../scripts/lib/debian.ts'

const packages: DebianPackage[] = ['curl', 'wrk', 'zsh']

/** A host with curl, on which root may install wrk and zsh once that is confirmed. */
function createHost(overrides: Partial<PackageHost> = {}) {
  const install = mock(async (_: string[]) => undefined)
  const host: PackageHost = {
    isMissing: name => name !== 'curl',
    canInstall: true,
    isConfirmed: false,
    confirm: undefined,
    install,
    ...overrides,
  }
  return { host, install }
}

test('installs nothing and asks nothing when all packages are there', async () => {
  const confirm = mock(() => true)
  const { host, install } = createHost({ isMissing: () => false, canInstall: false, confirm })
  await installPackages(packages, host)
  expect(confirm).not.toHaveBeenCalled()
  expect(install).not.toHaveBeenCalled()
})

test('lists the packages and names the remedy when it cannot install them', async () => {
  const { host, install } = createHost({ canInstall: false, isConfirmed: true })
  await expect(installPackages(packages, host)).rejects.toThrow(
    'These Debian packages are missing: wrk zsh\nInstall them, or run this again as root.',
  )
  expect(install).not.toHaveBeenCalled()
})

describe('on a terminal', () => {
  test('lists the packages, asks once and installs them', async () => {
    const confirm = mock((_: string) => true)
    const { host, install } = createHost({ confirm })
    await installPackages(packages, host)
    expect(confirm.mock.calls).toEqual([['These Debian packages are missing: wrk zsh\nInstall them now?']])
    expect(install.mock.calls).toEqual([[['wrk', 'zsh']]])
  })

  test('installs nothing when the answer is no', async () => {
    const { host, install } = createHost({ confirm: () => false })
    await expect(installPackages(packages, host)).rejects.toThrow('apt-get install wrk zsh')
    expect(install).not.toHaveBeenCalled()
  })

  test('installs without a question when --yes or CI confirms', async () => {
    const confirm = mock(() => false)
    const { host, install } = createHost({ isConfirmed: true, confirm })
    await installPackages(packages, host)
    expect(confirm).not.toHaveBeenCalled()
    expect(install).toHaveBeenCalledTimes(1)
  })
})

describe('without a terminal', () => {
  test('stops and says what to do', async () => {
    const { host, install } = createHost()
    await expect(installPackages(packages, host)).rejects.toThrow(
      'These Debian packages are missing: wrk zsh\nInstall them with: apt-get install wrk zsh\nOr run this again with --yes',
    )
    expect(install).not.toHaveBeenCalled()
  })

  test('installs when --yes or CI confirms', async () => {
    const { host, install } = createHost({ isConfirmed: true })
    await installPackages(packages, host)
    expect(install.mock.calls).toEqual([[['wrk', 'zsh']]])
  })
})
