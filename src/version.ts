import { version as packageVersion } from '../package.json'

/** What scripts/build.ts tells the compiler: what git calls the sources. */
declare const BUILT_VERSION: string | undefined

/** The version of this program: git's in a binary, package.json's where it runs from its sources. */
export const version: string = typeof BUILT_VERSION === 'string' ? BUILT_VERSION : packageVersion
