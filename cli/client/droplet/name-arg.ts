export const dropletNameArg = { type: 'positional', required: true, description: 'Name of the droplet' } as const
