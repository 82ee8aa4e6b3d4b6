import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The permission bits of a file or directory in octal: `'600'`. */
export function fileMode(path: string): string {
  return (statSync(path).mode & 0o7777).toString(8)
}

/** The permission bits of every file in a directory, by name. */
export function fileModes(directory: string): Record<string, string> {
  return Object.fromEntries(readdirSync(directory).map(name => [name, fileMode(join(directory, name))]))
}

/** The umask of this process until the scope ends: `using _ = setUmask(0)`. */
export function setUmask(mask: number) {
  const previous = process.umask(mask)
  return { [Symbol.dispose]: () => void process.umask(previous) }
}
