import { expect, test } from 'bun:test'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../src/core/errors.ts'
import { Secret } from '../../src/core/secret.ts'
import { createSecretBox } from '../../src/store/encryption.ts'
import { openSecretBox } from '../../src/store/rotatable-secret-box.ts'
import { fileMode, setUmask } from '../testkit/file-modes.ts'
import { createTestStore } from '../testkit/store/test-store.ts'

const random = (size: number) => crypto.getRandomValues(new Uint8Array(size))
const bytes = (text: string) => new TextEncoder().encode(text)
const keyFileOf = (store: { dataDir: string }) => join(store.dataDir, 'sealing.key')
const otherKey = `${'a5'.repeat(32)}\n`

test('decrypts for the same user', async () => {
  const secretBox = createSecretBox(new Secret(random(32)), random)
  expect(await secretBox.decrypt(await secretBox.encrypt(bytes('plain'), 'ada'), 'ada')).toEqual(bytes('plain'))
})

test('does not decrypt for another user', async () => {
  const secretBox = createSecretBox(new Secret(random(32)), random)
  const encrypted = await secretBox.encrypt(bytes('plain'), 'ada')
  await expect(secretBox.decrypt(encrypted, 'bob')).rejects.toThrow()
})

test('does not decrypt with another key', async () => {
  const secretBox = createSecretBox(new Secret(random(32)), random)
  const otherBox = createSecretBox(new Secret(random(32)), random)
  await expect(otherBox.decrypt(await secretBox.encrypt(bytes('plain'), 'ada'), 'ada')).rejects.toThrow()
})

test('the format is AES-256-GCM: nonce, ciphertext and tag, with the user as additional data', async () => {
  const key = random(32)
  const aes = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt'])
  const secretBox = createSecretBox(new Secret(key), random)
  const [iv, additionalData] = [random(12), bytes('ada')]
  const encryptedByWebCrypto = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, aes, bytes('plain'))
  expect(await secretBox.decrypt(Buffer.concat([iv, new Uint8Array(encryptedByWebCrypto)]), 'ada')).toEqual(
    bytes('plain'),
  )
  const encrypted = new Uint8Array(await secretBox.encrypt(bytes('plain'), 'ada'))
  const decrypted = await crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: encrypted.slice(0, 12), additionalData },
    aes,
    encrypted.slice(12),
  )
  expect(new Uint8Array(decrypted)).toEqual(bytes('plain'))
})

test('decrypted values have a buffer of their own', async () => {
  const secretBox = createSecretBox(new Secret(random(32)), random)
  const decrypted = await secretBox.decrypt(await secretBox.encrypt(bytes('plain'), 'ada'), 'ada')
  expect(decrypted.buffer.byteLength).toBe(decrypted.byteLength)
})

test('rejects values that are too short', async () => {
  const secretBox = createSecretBox(new Secret(random(32)), random)
  const encrypted = await secretBox.encrypt(new Uint8Array(), 'ada')
  for (let length = 0; length < encrypted.length; length++) {
    await expect(secretBox.decrypt(encrypted.slice(0, length), 'ada')).rejects.toThrow()
  }
})

test('detects a change of any byte', async () => {
  const secretBox = createSecretBox(new Secret(random(32)), random)
  const encrypted = await secretBox.encrypt(bytes('plain'), 'ada')
  for (const at of encrypted.keys()) {
    const changed = encrypted.map((byte, index) => (index === at ? byte ^ 1 : byte))
    await expect(secretBox.decrypt(changed, 'ada')).rejects.toThrow()
  }
})

test('the ciphertext does not contain the text and differs each time', async () => {
  const secretBox = createSecretBox(new Secret(random(32)), random)
  const first = await secretBox.encrypt(bytes('plain text'), 'ada')
  const second = await secretBox.encrypt(bytes('plain text'), 'ada')
  expect(Buffer.from(first).includes('plain')).toBe(false)
  expect(first).not.toEqual(second)
})

test('creates the key at the first start (0600, whatever the umask)', async () => {
  using _ = setUmask(0)
  using store = createTestStore()
  await openSecretBox(store.db, store, random)
  expect(readFileSync(keyFileOf(store), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/)
  expect(fileMode(keyFileOf(store))).toBe('600')
  expect(readdirSync(store.dataDir).filter(name => name.startsWith('sealing'))).toEqual(['sealing.key'])
})

test('each data directory has its own key', async () => {
  using one = createTestStore()
  using two = createTestStore()
  await openSecretBox(one.db, one, random)
  await openSecretBox(two.db, two, random)
  expect(readFileSync(keyFileOf(one), 'utf8')).not.toBe(readFileSync(keyFileOf(two), 'utf8'))
})

test('the key is kept and decrypts after a restart', async () => {
  using store = createTestStore()
  const encrypted = await (await openSecretBox(store.db, store, random)).encrypt(bytes('plain'), 'ada')
  const key = readFileSync(keyFileOf(store), 'utf8')
  const reopened = await openSecretBox(store.db, store, random)
  expect(await reopened.decrypt(encrypted, 'ada')).toEqual(bytes('plain'))
  expect(readFileSync(keyFileOf(store), 'utf8')).toBe(key)
})

test('uses a key that the operator put there', async () => {
  using store = createTestStore()
  writeFileSync(keyFileOf(store), otherKey, { mode: 0o600 })
  const secretBox = await openSecretBox(store.db, store, random)
  expect(readFileSync(keyFileOf(store), 'utf8')).toBe(otherKey)
  const same = createSecretBox(new Secret(Uint8Array.fromHex('a5'.repeat(32))), random)
  expect(await same.decrypt(await secretBox.encrypt(bytes('plain'), 'ada'), 'ada')).toEqual(bytes('plain'))
})

test('a missing key is an error that names the file; no new key is created', async () => {
  using store = createTestStore()
  await openSecretBox(store.db, store, random)
  rmSync(keyFileOf(store))
  const rejection = await openSecretBox(store.db, store, random).catch((error: unknown) => error)
  expect(rejection).toBeInstanceOf(OperatorError)
  expect(String(rejection)).toContain(`The key file ${keyFileOf(store)} is missing`)
  expect(existsSync(keyFileOf(store))).toBe(false)
})

test.each([
  ['another key', otherKey, /is not the one that encrypted the secrets/],
  ['half a key', 'a5'.repeat(16), /does not contain a key/],
  ['an empty key', '', /does not contain a key/],
  ['another text', 'x'.repeat(64), /does not contain a key/],
])('%s in the file is an error that names the file and not its content', async (_, content, text) => {
  using store = createTestStore()
  await openSecretBox(store.db, store, random)
  writeFileSync(keyFileOf(store), content)
  const rejection = await openSecretBox(store.db, store, random).catch((error: unknown) => error)
  expect(rejection).toBeInstanceOf(OperatorError)
  expect(String(rejection)).toMatch(text)
  expect(String(rejection)).toContain(keyFileOf(store))
  if (content) expect(String(rejection)).not.toContain(content.trim())
  expect(readFileSync(keyFileOf(store), 'utf8')).toBe(content)
})

test('processes that start at the same time use the same key', async () => {
  using store = createTestStore()
  const secretBoxes = await Promise.all(Array.from({ length: 10 }, () => openSecretBox(store.db, store, random)))
  for (const secretBox of secretBoxes) {
    for (const otherBox of secretBoxes) {
      expect(await otherBox.decrypt(await secretBox.encrypt(bytes('plain'), 'ada'), 'ada')).toEqual(bytes('plain'))
    }
  }
})

test('a start restricts a key file that others could read', async () => {
  using store = createTestStore()
  await openSecretBox(store.db, store, random)
  chmodSync(keyFileOf(store), 0o644)
  await openSecretBox(store.db, store, random)
  expect(fileMode(keyFileOf(store))).toBe('600')
})

test('an incomplete key of a killed first start does not stop the next one', async () => {
  using store = createTestStore()
  writeFileSync(`${keyFileOf(store)}.${process.pid}`, 'half a k')
  await openSecretBox(store.db, store, random)
  expect(readdirSync(store.dataDir).filter(name => name.startsWith('sealing'))).toEqual(['sealing.key'])
})

test("uses the operator's key file and creates no other", async () => {
  using store = createTestStore()
  const keyFile = join(store.dataDir, 'named.hex')
  writeFileSync(keyFile, otherKey)
  const encrypted = await (await openSecretBox(store.db, { ...store, keyFile }, random)).encrypt(bytes('plain'), 'ada')
  const namedKeyBox = createSecretBox(new Secret(Uint8Array.fromHex(otherKey.trim())), random)
  expect(await namedKeyBox.decrypt(encrypted, 'ada')).toEqual(bytes('plain'))
  expect(existsSync(keyFileOf(store))).toBe(false)
})

test("never creates the operator's key file", async () => {
  using store = createTestStore()
  const keyFile = join(store.dataDir, 'named.hex')
  const rejection = await openSecretBox(store.db, { ...store, keyFile }, random).catch((error: unknown) => error)
  expect(rejection).toBeInstanceOf(OperatorError)
  expect(String(rejection)).toContain(keyFile)
  expect(existsSync(keyFile)).toBe(false)
})
