import { ApiError } from '../core/errors.ts'

/**
 * The interface between droplets and their runtime. It uses droplet terms only, so that another engine, such as a
 * cluster of hosts, can implement it. Every call may throw `ApiError` 918 when the engine is unreachable, slow or broken,
 * and 900 when it rejects the request.
 */
export interface DropletEngine {
  /** The host's droplets, and nothing else that the engine runs. */
  list(): Promise<DropletRef[]>

  /** The current state of a droplet; undefined if it is gone or is not a droplet. */
  inspect(id: string): Promise<Droplet | undefined>

  /**
   * Changes of droplets by any client of the engine, from the moment this resolves.
   * The iterator throws when the engine goes away or `signal` is aborted.
   */
  events(signal: AbortSignal): Promise<AsyncIterable<DropletEvent>>

  /** Probes a running droplet from inside. Problems inside the droplet are not errors: they yield an empty result. */
  probe(id: string): Promise<Probe>

  /** The current resource usage; undefined if the droplet is stopped or gone. */
  usage(id: string): Promise<Usage | undefined>

  /**
   * Starts a program in a droplet.
   * @throws ApiError 900 if the droplet is not running or the engine cannot start the program
   */
  execute(id: string, program: Program): Promise<Execution>

  /**
   * The last `lines` of the init's output, and with `follow` new output until `signal` is aborted.
   * @throws DropletGoneError
   */
  console(
    id: string,
    options: { lines: number; follow: boolean },
    signal: AbortSignal,
  ): Promise<AsyncIterable<OutputChunk>>

  /** Resolves if the engine responds promptly. */
  ping(): Promise<void>

  /**
   * Prepares the creation of a droplet: checks the host, and builds or pulls a missing image.
   * @param signal cancels the build or pull
   * @throws ApiError 923 for an engine that cannot run droplets, 924 if the image is not available
   */
  prepare(onProgress: ProgressCallback, signal: AbortSignal): Promise<void>

  /**
   * Creates a droplet with `authorizedKeys` installed, without starting it.
   * @returns its id
   * @throws NameTakenError
   */
  create(droplet: NewDroplet): Promise<string>

  /**
   * Starts a droplet; does nothing if it is running.
   * @throws PortTakenError, DropletGoneError
   */
  start(id: string): Promise<void>

  /**
   * Shuts a droplet down through its init; does nothing if it is stopped.
   * @throws DropletGoneError
   */
  stop(id: string): Promise<void>

  /** Removes a droplet and its data. A droplet that is already gone is not an error. */
  remove(id: string): Promise<void>

  /**
   * Removes everything created under this mark, in any state.
   * @param createAnswered whether the engine responded to the creation; otherwise it may still be in progress
   * @returns whether anything was found
   */
  removeMarked(mark: string, createAnswered: boolean): Promise<boolean>
}

/** A completed request to the engine. */
export interface EngineCall {
  /** A low-cardinality label that names no droplet. */
  kind: string
  /** `refused`: the engine responded with an error; `failed`: no valid response. */
  result: 'ok' | 'refused' | 'failed'
  /** Time until the response, or until the start of a stream. */
  ms: number
}

export interface Progress {
  text: string
  /** In units of `total`, where known. */
  done?: number
  total?: number
}

export type ProgressCallback = (progress: Progress) => void

/** A droplet changed; `inspect` returns its new state. */
export interface DropletEvent {
  id: string
  /** Set when its init exited. The engine may still report the droplet as running for a moment. */
  stopped: { exitCode: number; at: number } | undefined
  /** The new result of the image's health check; undefined if something else changed. */
  healthCheck: Droplet['healthCheck']
}

export interface DropletRef {
  /** The engine's full id. */
  id: string
  name: string
}

export interface Droplet extends DropletRef {
  /** The full host name given at creation. */
  hostname: string
  /** The image name given at creation. */
  image: string
  /** The user who created it; undefined if it was not created by this program. */
  createdBy: string | undefined
  /** Milliseconds since 1970, as all times here. */
  createdAt: number
  /** The last start; undefined if it was never started. */
  startedAt: number | undefined
  /** The last stop; undefined if it never stopped. */
  finishedAt: number | undefined
  /** Of its init at the last stop. */
  exitCode: number
  state: DropletState
  /** The result of the image's health check, if it has one. */
  healthCheck: 'starting' | 'healthy' | 'unhealthy' | undefined
  /** Keyed by the port inside the droplet. */
  ports: Record<string, PortBinding>
}

/** The result of a probe. The droplet itself reports it, so it is untrusted. */
export interface Probe {
  /** The init's overall state; undefined for an init other than systemd. */
  init: 'booting' | 'running' | 'degraded' | undefined
  /** Whether sshd sends its banner. */
  sshResponds: boolean
  /** As in `ListedDroplet`. */
  hostKey: string | undefined
}

/** Counters since the last start, and current gauges. */
export interface Usage {
  /** By the engine's clock, milliseconds since 1970. */
  at: number
  /** Core-seconds. */
  cpuSeconds: number
  /** Bytes, without reclaimable cache. */
  memory: number
  /** Bytes: its own limit, or the host's memory. */
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
  /** The program and its arguments; no shell is involved. */
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
  /** Its output; on a terminal all of it is standard output. An unread stream blocks the program. */
  output: AsyncIterable<OutputChunk>
  /**
   * Writes terminal input.
   * @returns false if the input was dropped because too much is buffered
   */
  write(bytes: Uint8Array): boolean
  resize(size: TerminalSize): Promise<void>
  /** Kills it and everything it started. */
  kill(): Promise<void>
  /** Call after its output has ended. Undefined if the exit code is unknown. */
  exitCode(): Promise<number | undefined>
}

export interface OutputChunk {
  stream: 'stdout' | 'stderr'
  bytes: Uint8Array
}

/** A droplet with its last probe results. */
export interface ListedDroplet extends Droplet {
  /** Undefined if it is not running or was not probed yet. */
  health: Health | undefined
  /** Its public SSH host key, such as `ssh-ed25519 AAAA…`. */
  hostKey: string | undefined
}

/** Still booting; up with sshd responding; or a failure inside. */
export type Health = 'booting' | 'ready' | 'degraded'

export type DropletState = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'

export interface PortBinding {
  type: string
  /** The address on the host. */
  from: { ip: string; port: number }
}

export interface NewDroplet {
  name: string
  hostname: string
  ports: { host: string; hostPort: number; dropletPort: number }[]
  /** The text of `/root/.ssh/authorized_keys`. */
  authorizedKeys: string
  /** Stored with the droplet, to find it again after a crash. */
  mark: string
  /** A username, stored with the droplet. */
  createdBy: string
}

/** The name is in use, by a droplet or anything else. */
export class NameTakenError extends ApiError {
  constructor(cause: unknown) {
    super('engineRefused', { text: 'The name of the droplet is taken', cause })
  }
}

/** A host port of the droplet is in use, by any program. */
export class PortTakenError extends ApiError {
  constructor(cause: unknown) {
    super('engineRefused', { text: 'A host port of the droplet is in use by another program', cause })
  }
}

/** The droplet no longer exists. */
export class DropletGoneError extends ApiError {
  constructor(cause: unknown) {
    super('engineRefused', { text: 'The droplet is gone', cause })
  }
}
