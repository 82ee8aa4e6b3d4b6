import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '../temp-dir.ts'

/** The system's clock for one process, by libfaketime (Debian's package `faketime`); what only ever goes on is left alone. */
export function createSettableClock() {
  const dir = tempDir()
  const file = join(dir.path, 'offset')
  let offset = 0

  function set(seconds: number): void {
    offset = seconds
    // It is read at every look at the clock, and must never be found half written.
    writeFileSync(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}`)
    renameSync(`${file}.new`, file)
  }

  set(0)
  return {
    /** For the process whose clock it is. */
    env: {
      // The loader puts in what $LIB is on this machine.
      LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    /** @param seconds how far it is from the true time, negative for behind */
    set,
    /** What it shows: milliseconds since 1970. */
    now: () => Date.now() + offset * 1_000,
    [Symbol.dispose]: dir[Symbol.dispose],
  }
}
