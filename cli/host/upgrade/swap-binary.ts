import { existsSync, linkSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { fsyncDirectory } from '../../../src/store/key-file.ts'
import { previousPath, stagedPath } from '../service/layout.ts'

/**
 * Replaces the binary atomically, and keeps the old one as the previous binary.
 * @returns `undo` restores both; `commit` removes the file that `undo` needs
 */
export function swapBinary(staged: string, binary: string): { undo: () => void; commit: () => void } {
  const previous = previousPath(binary)
  const older = `${previous}.old`
  const hadOlder = existsSync(previous)
  if (hadOlder) replaceLink(previous, older)
  replaceLink(binary, previous)
  replaceFile(staged, binary)
  return {
    undo() {
      replaceLink(previous, binary)
      if (hadOlder) replaceFile(older, previous)
      else rmSync(previous)
    },
    commit: () => rmSync(older, { force: true }),
  }
}

/** Stages the previous binary for `swapBinary`. */
export function stagePrevious(binary: string): string {
  const staged = stagedPath(binary)
  replaceLink(previousPath(binary), staged)
  return staged
}

/** Hard-links a file to a name, replacing an existing file of that name. */
function replaceLink(file: string, name: string): void {
  const tempPath = `${name}.link`
  rmSync(tempPath, { force: true })
  linkSync(file, tempPath)
  replaceFile(tempPath, name)
}

function replaceFile(from: string, to: string): void {
  renameSync(from, to)
  // rename(2) does nothing if both names are links to the same file.
  rmSync(from, { force: true })
  fsyncDirectory(dirname(to))
}
