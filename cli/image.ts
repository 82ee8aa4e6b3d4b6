import { defineCommand } from 'citty'
import { readEnv, toEngineAddress } from '../src/config.ts'
import { createDockerClient } from '../src/engines/docker/client.ts'
import { buildOwnImage } from '../src/engines/docker/image.ts'
import { OWN_IMAGE } from '../src/setting-values.ts'
import { command, flagsOf, settingArgs } from './command.ts'

const build = command({
  meta: { name: 'cikit-api image build', description: `Build the droplet image ${OWN_IMAGE} on the engine` },
  args: settingArgs('docker-host'),
  run: async ({ args }) => {
    const docker = createDockerClient(toEngineAddress(flagsOf(args), readEnv()))
    await buildOwnImage(docker, ({ text }) => void process.stdout.write(`${text}\n`))
  },
})

export const image = defineCommand({
  meta: { name: 'cikit-api image', description: 'The image that droplets are made from' },
  subCommands: { build },
})
