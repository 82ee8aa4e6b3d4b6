import { defineCommand } from 'citty'
import { readEnv, toEngineAddress } from '../../src/config/config.ts'
import { DEFAULT_IMAGE } from '../../src/config/parse.ts'
import { createDockerClient } from '../../src/engines/docker/client.ts'
import { buildDefaultImage } from '../../src/engines/docker/image.ts'
import { defineStrictCommand, settingArgs, toFlags } from '../shared/flags.ts'

const build = defineStrictCommand({
  meta: { name: 'cikit-api image build', description: `Build the droplet image ${DEFAULT_IMAGE} on the engine` },
  args: settingArgs('docker-host'),
  run: async ({ args }) => {
    const docker = createDockerClient(toEngineAddress(toFlags(args), readEnv()))
    await buildDefaultImage(docker, ({ text }) => void process.stdout.write(`${text}\n`))
  },
})

export const image = defineCommand({
  meta: { name: 'cikit-api image', description: 'The image that droplets are made from' },
  subCommands: { build },
})
