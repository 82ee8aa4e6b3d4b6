import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createDropletKeys } from '../../src/droplets/keys.ts'
import { tempDir } from '../testkit/temp-dir.ts'

const random = (size: number) => crypto.getRandomValues(new Uint8Array(size))
const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8)

function createTestKeys() {
  const dir = tempDir()
  const credentials = join(dir.path, 'credentials')
  const folder = join(credentials, 'cikit01')
  return {
    keys: createDropletKeys(credentials, random),
    credentials,
    folder,
    privateFile: join(folder, 'cikit01.private.key'),
    publicFile: join(folder, 'cikit01.public.key'),
    [Symbol.dispose]: dir[Symbol.dispose],
  }
}

test('stores a pair where CIKit expects it, and no other files', () => {
  using fixture = createTestKeys()
  const { keys, credentials, folder, privateFile, publicFile } = fixture
  const pair = keys.generate('cikit01')
  expect(existsSync(credentials)).toBe(false)
  keys.save('cikit01', pair)
  expect(readdirSync(credentials)).toEqual(['cikit01'])
  expect(readdirSync(folder).sort()).toEqual(['cikit01.private.key', 'cikit01.public.key'])
  expect(readFileSync(privateFile, 'utf8')).toBe(pair.privateKey.reveal())
  expect(readFileSync(publicFile, 'utf8')).toBe(pair.publicLine)
})

test.each(['000', '022', '077'])('files and folders are private under umask %s', umask => {
  using fixture = createTestKeys()
  const { keys, credentials, folder, privateFile, publicFile } = fixture
  const before = process.umask(Number.parseInt(umask, 8))
  try {
    keys.save('cikit01', keys.generate('cikit01'))
  } finally {
    process.umask(before)
  }
  expect([credentials, folder, privateFile, publicFile].map(modeOf)).toEqual(['700', '700', '400', '600'])
})

test('the public key is one authorized_keys line with the name of the droplet', () => {
  using fixture = createTestKeys()
  const { publicLine } = fixture.keys.generate('cikit01')
  expect(publicLine).toMatch(/^ssh-ed25519 [A-Za-z0-9+/]+=* cikit01\n$/)
})

test('pairs are unique, and a private key does not print itself', () => {
  using fixture = createTestKeys()
  const one = fixture.keys.generate('cikit01')
  const other = fixture.keys.generate('cikit01')
  expect(one.publicLine).not.toBe(other.publicLine)
  expect(one.privateKey.reveal()).not.toBe(other.privateKey.reveal())
  expect(JSON.stringify(one)).not.toContain('PRIVATE KEY')
  expect(`${one.privateKey}`).not.toContain('PRIVATE KEY')
})

test('replaces the pair of an earlier droplet', () => {
  using fixture = createTestKeys()
  const { keys, folder, privateFile, publicFile } = fixture
  keys.save('cikit01', keys.generate('cikit01'))
  writeFileSync(`${publicFile}.new`, 'half a key', { mode: 0o666 })
  const pair = keys.generate('cikit01')
  keys.save('cikit01', pair)
  expect(readFileSync(privateFile, 'utf8')).toBe(pair.privateKey.reveal())
  expect(readFileSync(publicFile, 'utf8')).toBe(pair.publicLine)
  expect([privateFile, publicFile].map(modeOf)).toEqual(['400', '600'])
  expect(readdirSync(folder)).toHaveLength(2)
})

test('makes an accessible folder private', () => {
  using fixture = createTestKeys()
  const { keys, folder } = fixture
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  keys.save('cikit01', keys.generate('cikit01'))
  expect(modeOf(folder)).toBe('700')
})

test('removes the pair and its folder, but no other pair', () => {
  using fixture = createTestKeys()
  const { keys, credentials } = fixture
  for (const name of ['cikit01', 'cikit02']) keys.save(name, keys.generate(name))
  keys.remove('cikit01')
  expect(readdirSync(credentials)).toEqual(['cikit02'])
  expect(readdirSync(join(credentials, 'cikit02'))).toHaveLength(2)
})

test('removing keeps other files in the folder', () => {
  using fixture = createTestKeys()
  const { keys, folder } = fixture
  keys.save('cikit01', keys.generate('cikit01'))
  writeFileSync(join(folder, 'notes.txt'), 'mine')
  keys.remove('cikit01')
  expect(readdirSync(folder)).toEqual(['notes.txt'])
  expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('mine')
})

test('removing an absent pair succeeds and creates nothing', () => {
  using fixture = createTestKeys()
  fixture.keys.remove('cikit01')
  expect(existsSync(fixture.credentials)).toBe(false)
})
