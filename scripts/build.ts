import { version as packageVersion } from '../package.json'
import { compile } from './lib/compile.ts'
import { binary } from './lib/paths.ts'
import { main, Obstacle, say } from './lib/terminal.ts'
import { readRevision } from './lib/version.ts'

// Makes `dist/cikit-api` for this computer. The version is git's, or the one that is given; package.json's where there is neither.

await main(async () => {
  const [given, ...rest] = process.argv.slice(2)
  if (rest.length > 0) throw new Obstacle(`${rest.join(' ')}: the only word that is understood here is a version`)
  const version =
    given ||
    (await readRevision().then(
      ({ version }) => version,
      () => packageVersion,
    ))
  say(`Building dist/cikit-api ${version}`)
  await compile({ outfile: binary, version })
})
