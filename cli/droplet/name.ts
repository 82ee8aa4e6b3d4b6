/** The droplet that a command is about. */
export const name = { type: 'positional', required: true, description: 'Name of the droplet' } as const
