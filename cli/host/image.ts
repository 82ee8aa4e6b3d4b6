import { readEnv, toEngineAddress } from '../../src/config/config.ts'
import { DEFAULT_IMAGE } from '../../src/config/parse.ts'
import { createDockerClient } from '../../src/engines/docker/client.ts'
import { buildDefaultImage } from '../../src/engines/docker/image.ts'
import { defineCommand, defineGroup } from '../shared/command.ts'
import { settingArgs, toFlags } from '../shared/flags.ts'

const build = defineCommand({
  description: `Build the droplet image ${DEFAULT_IMAGE} on the engine`,
  args: settingArgs('docker-host'),
  run: async ({ args }) => {
    const docker = createDockerClient(toEngineAddress(toFlags(args), readEnv()))
    await buildDefaultImage(docker, ({ text }) => void process.stdout.write(`${text}\n`))
  },
})

export const image = defineGroup({
  description: 'Build the image that droplets use',
  subCommands: { build },
})
