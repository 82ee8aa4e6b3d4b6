import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A temporary directory, removed when its scope ends: `using dir = tempDir()`. */
export function tempDir() {
  const path = mkdtempSync(join(tmpdir(), 'cikit-api-test-'))
  return {
    path,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}
