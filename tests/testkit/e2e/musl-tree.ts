import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../../scripts/lib/run.ts'
import { tempDir } from '../temp-dir.ts'

/** Symbols of glibc that Debian's libstdc++ needs and musl lacks. */
const SHIM = `
char __libc_single_threaded;
int _dl_find_object(void *address, void *result) { return -1; }
unsigned arc4random(void) { return 4; }
`

/**
 * A root directory like that of Alpine: musl, a libstdc++ and the program, without glibc. Debian has no libstdc++ for
 * musl, so this one is linked against musl from Debian's static library, with the symbols that the program needs.
 */
export async function createMuslTree(program: string) {
  const dir = tempDir()
  const lib = join(dir.path, 'lib')
  for (const name of ['lib', 'bin', 'data', 'tmp']) mkdirSync(join(dir.path, name))
  copyFileSync(program, join(dir.path, 'bin/cikit-api'))
  copyFileSync('/lib/ld-musl-x86_64.so.1', join(lib, 'ld-musl-x86_64.so.1'))
  symlinkSync('ld-musl-x86_64.so.1', join(lib, 'libc.musl-x86_64.so.1'))
  const shim = join(dir.path, 'shim.c')
  writeFileSync(shim, SHIM)
  const symbolFlags = (await symbolsOf(program)).map(symbol => `-Wl,-u,${symbol}`)
  const archive = (await run(['g++', '-print-file-name=libstdc++.a'])).trim()
  const libraries = [archive, '-lgcc_eh', '-lgcc']
  const output = ['-Wl,-soname,libstdc++.so.6', '-o', join(lib, 'libstdc++.so.6')]
  await run(['musl-gcc', '-shared', '-fPIC', ...output, shim, ...symbolFlags, ...libraries])
  return {
    /** The program's command line, inside this root. */
    command: (...args: string[]) => ['chroot', dir.path, '/bin/cikit-api', ...args],
    [Symbol.dispose]: dir[Symbol.dispose],
  }
}

/** The C++ symbols that the program needs: undefined symbols and copy relocations. */
async function symbolsOf(program: string): Promise<string[]> {
  const undefinedSymbols = await run(['nm', '-D', '--undefined-only', program])
  const relocations = await run(['readelf', '-rW', program])
  return [
    ...[...undefinedSymbols.matchAll(/ (_Z\w+|__cxa_\w+|__dynamic_cast|__once_proxy)$/gm)],
    ...[...relocations.matchAll(/R_X86_64_COPY +\w+ (_Z\w+)/g)],
  ].map(match => match[1] ?? '')
}
