import { version as packageVersion } from '../package.json'
import { compile } from './lib/compile.ts'
import { binary } from './lib/paths.ts'
import { logStep, runScript, UserError } from './lib/terminal.ts'
import { readRevision } from './lib/version.ts'

// Makes `dist/cikit-api` for this computer. The version is git's, or the one that is given; package.json's where there is neither.

await runScript(async () => {
  const [requestedVersion, ...rest] = process.argv.slice(2)
  if (rest.length > 0) throw new UserError(`${rest.join(' ')}: the only word that is understood here is a version`)
  const version =
    requestedVersion ||
    (await readRevision().then(
      ({ version }) => version,
      () => packageVersion,
    ))
  logStep(`Building dist/cikit-api ${version}`)
  await compile({ outfile: binary, version })
})
