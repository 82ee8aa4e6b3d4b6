/** Where the engine listens: a unix socket by its absolute path, or the origin of an HTTP address. */
export type EngineAddress = { kind: 'unix'; path: string } | { kind: 'tcp'; origin: string }
