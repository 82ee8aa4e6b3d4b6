import { version as packageVersion } from '../package.json'

/** Defined by scripts/build.ts at compile time, from `git describe`. */
declare const BUILT_VERSION: string | undefined

/** The version of this program: in a binary the one it was built as, from sources that of package.json. */
export const version: string = typeof BUILT_VERSION === 'string' ? BUILT_VERSION : packageVersion
