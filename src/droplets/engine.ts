import { ApiError } from '../core/errors.ts'

/**
 * The seam between droplets and what runs them. It speaks of droplets only, so that another engine (a cluster of
 * hosts, say) can stand behind it. Every call may throw `ApiError` 918 when the engine is away, slow or broken,
 * and 900 when it answers and refuses.
 */
export interface DropletEngine {
  /** All droplets of the host and nothing else, true at the moment of the answer. */
  list(): Promise<DropletRef[]>

  /** A droplet as it is at the moment of the answer; undefined when it is gone, or none. */
  inspect(id: string): Promise<Droplet | undefined>

  /**
   * What happens to droplets, whoever did it, from the moment on at which this resolves.
   * Ends by throwing when the engine goes away, or `signal` is aborted.
   */
  events(signal: AbortSignal): Promise<AsyncIterable<DropletEvent>>

  /** Looks into a droplet. One that runs, and whatever goes wrong within it, gives no error: then nothing was found. */
  probe(id: string): Promise<Probe>

  /** What a droplet uses at the moment of the answer; undefined for one that does not run, or is gone. */
  usage(id: string): Promise<Usage | undefined>

  /**
   * Starts a program in a droplet.
   * @throws ApiError 900 for a droplet that does not run, or when the engine cannot start the program
   */
  execute(id: string, program: Program): Promise<Execution>

  /**
   * What the init of a droplet printed, last `lines` of it, and with `follow` what it prints from then on, until `signal`.
   * @throws DropletGoneError
   */
  console(
    id: string,
    options: { lines: number; follow: boolean },
    signal: AbortSignal,
  ): Promise<AsyncIterable<OutputChunk>>

  /** Whether the engine answers, and that soon. */
  ping(): Promise<void>

  /**
   * Sees to it that a droplet could be created now: the host is fit, the image is there (built or pulled when it is not).
   * @param signal gives it up: a build or a pull ends
   * @throws ApiError 923 for an engine that cannot run droplets, 924 for an image that is not to be had
   */
  prepare(onProgress: ProgressCallback, signal: AbortSignal): Promise<void>

  /**
   * Creates a droplet without starting it, with `authorizedKeys` laid in.
   * @returns its id
   * @throws NameTakenError
   */
  create(droplet: NewDroplet): Promise<string>

  /**
   * Starts a droplet; one that runs is left alone.
   * @throws PortTakenError, DropletGoneError
   */
  start(id: string): Promise<void>

  /**
   * Stops a droplet as a machine is stopped, by its init; one that is stopped is left alone.
   * @throws DropletGoneError
   */
  stop(id: string): Promise<void>

  /** Removes a droplet with its data; one that is gone already is no error. */
  remove(id: string): Promise<void>

  /**
   * Removes what was created under this mark, finished or not, running or not.
   * @param createAnswered whether the engine said of the creation that it is over; else it may just be at it
   * @returns whether there was anything
   */
  removeMarked(mark: string, createAnswered: boolean): Promise<boolean>
}

/** One request to an engine that is over. */
export interface EngineCall {
  /** Of which kind it was: one of few, and no word about what droplet. */
  kind: string
  /** `refused` is the engine's own word, `failed` is none at all. */
  result: 'ok' | 'refused' | 'failed'
  /** Until its answer was there, or began where it has no end. */
  ms: number
}

/** How far a piece of work is. */
export interface Progress {
  text: string
  /** In units of `total`, where there is such a number. */
  done?: number
  total?: number
}

export type ProgressCallback = (progress: Progress) => void

/** Something happened to a droplet, of which `inspect` tells what. */
export interface DropletEvent {
  id: string
  /** Its init has ended, and how. An engine may take a while to answer for it then. */
  stopped: { exitCode: number; at: number } | undefined
  /** What the image's own check says from now on, where that is what happened. */
  healthCheck: Droplet['healthCheck']
}

export interface DropletRef {
  /** The engine's full id. */
  id: string
  name: string
}

export interface Droplet extends DropletRef {
  /** Its name in full, as it was given when it was made. */
  hostname: string
  /** What it was made from, by the name that was used then. */
  image: string
  /** The name of the user who made it through this program; undefined for what was made in another way. */
  createdBy: string | undefined
  /** Milliseconds since 1970, as all times here. */
  createdAt: number
  /** When it was started last; undefined for one that never was. */
  startedAt: number | undefined
  /** When it stopped last; undefined for one that never did. */
  finishedAt: number | undefined
  /** Of its init, when it stopped last. */
  exitCode: number
  state: DropletState
  /** What the image's own check says, where it has one. */
  healthCheck: 'starting' | 'healthy' | 'unhealthy' | undefined
  /** By the port inside the droplet. */
  ports: Record<string, PortBinding>
}

/** What was found within a droplet. It says so itself, and may say what it likes. */
export interface Probe {
  /** What its init says of all that it started; undefined when it has no word for it, as others than systemd have none. */
  init: 'booting' | 'running' | 'degraded' | undefined
  /** Whether its sshd does. */
  sshResponds: boolean
  /** As `ListedDroplet` has it. */
  hostKey: string | undefined
}

/** What a droplet has used since it was started last, and what it uses. */
export interface Usage {
  /** By the engine's clock, milliseconds since 1970. */
  at: number
  /** Seconds of one core. */
  cpuSeconds: number
  /** Bytes, without what the kernel could take back at once. */
  memory: number
  /** Bytes: its own limit, or what the host has. */
  memoryLimit: number
  /** Bytes, over all its networks. */
  networkIn: number
  networkOut: number
  /** Bytes, over all disks. */
  diskRead: number
  diskWritten: number
  /** Processes and threads. */
  processes: number
}

export interface Program {
  /** With its arguments; no shell looks at them. */
  command: readonly string[]
  /** Runs it on a terminal of this size; without one there is no standard input. */
  terminal?: TerminalSize
}

export interface TerminalSize {
  columns: number
  rows: number
}

/** A program that runs in a droplet. */
export interface Execution {
  /** What it prints, as it comes; on a terminal all of it is standard output. Who does not read lets it wait. */
  output: AsyncIterable<OutputChunk>
  /**
   * What is typed on its terminal.
   * @returns false when it does not take that any more: too much waits already
   */
  write(bytes: Uint8Array): boolean
  resize(size: TerminalSize): Promise<void>
  /** Ends it, with all that it began. */
  kill(): Promise<void>
  /** When its output has ended: how it ended itself; undefined when nobody knows. */
  exitCode(): Promise<number | undefined>
}

export interface OutputChunk {
  stream: 'stdout' | 'stderr'
  bytes: Uint8Array
}

/** A droplet as it is listed: with what was found within it, as far as that was looked for. */
export interface ListedDroplet extends Droplet {
  /** Undefined for one that does not run, or was not looked into yet. */
  health: Health | undefined
  /** Its public SSH host key, as `ssh-ed25519 AAAA…`. */
  hostKey: string | undefined
}

/** Whether it can be worked with: its init is still at it, it is up and greets, or something in it failed. */
export type Health = 'booting' | 'ready' | 'degraded'

export type DropletState = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'

export interface PortBinding {
  type: string
  /** Where the host listens for it. */
  from: { ip: string; port: number }
}

export interface NewDroplet {
  name: string
  hostname: string
  ports: { host: string; hostPort: number; dropletPort: number }[]
  /** The text of `/root/.ssh/authorized_keys`. */
  authorizedKeys: string
  /** Kept with the droplet, to find it again after a crash. */
  mark: string
  /** Kept with the droplet: the name of the user who wants it. */
  createdBy: string
}

/** The name is in use, by whatever it may be. */
export class NameTakenError extends ApiError {
  constructor(cause: unknown) {
    super('engineRefused', { text: 'The name of the droplet is taken', cause })
  }
}

/** A host port of the droplet is in use, by whatever it may be. */
export class PortTakenError extends ApiError {
  constructor(cause: unknown) {
    super('engineRefused', { text: 'A host port of the droplet is taken by somebody else', cause })
  }
}

/** There is no droplet of that id any more. */
export class DropletGoneError extends ApiError {
  constructor(cause: unknown) {
    super('engineRefused', { text: 'The droplet is gone', cause })
  }
}
