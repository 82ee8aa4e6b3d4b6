import { version as packageVersion } from '../package.json'
import { compile } from './lib/compile.ts'
import { binary } from './lib/paths.ts'
import { logStep, runScript, UserError } from './lib/terminal.ts'
import { readRevision } from './lib/version.ts'

// Builds `dist/cikit-api` for this computer. The version is the argument, else git's, else that of package.json.

await runScript(async () => {
  const [requestedVersion, ...rest] = process.argv.slice(2)
  if (rest.length > 0) throw new UserError(`Unexpected argument: ${rest.join(' ')}. Usage: npm run build [-- VERSION]`)
  const version =
    requestedVersion ||
    (await readRevision().then(
      ({ version }) => version,
      () => packageVersion,
    ))
  logStep(`Building dist/cikit-api ${version}`)
  await compile({ outfile: binary, version })
})
