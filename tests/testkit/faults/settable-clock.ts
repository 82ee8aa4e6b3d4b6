import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '../temp-dir.ts'

/**
 * Changes the system clock of one process with libfaketime (Debian package `faketime`). The monotonic clock is
 * unaffected.
 */
export function createSettableClock() {
  const dir = tempDir()
  const file = join(dir.path, 'offset')
  let offset = 0

  function set(seconds: number): void {
    offset = seconds
    // The process reads the file with every clock access, so it must be replaced atomically.
    writeFileSync(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}`)
    renameSync(`${file}.new`, file)
  }

  set(0)
  return {
    /** Environment of the process whose clock is changed. */
    env: {
      // The dynamic loader expands $LIB.
      LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    /** @param seconds offset from the true time, negative for the past */
    set,
    /** The changed time in milliseconds since 1970. */
    now: () => Date.now() + offset * 1_000,
    [Symbol.dispose]: dir[Symbol.dispose],
  }
}
