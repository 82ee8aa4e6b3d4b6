import { existsSync, readFileSync } from 'node:fs'
import type { Droplet } from '../../../src/droplets/engine.ts'
import { type Finding, ok, warning } from './finding.ts'

/** TCP_LISTEN, as the kernel numbers the states in /proc/net/tcp (proc(5)). */
const LISTEN_STATE = '0A'

/**
 * Whether the host ports that droplets take, 22NN, 80NN and 443NN, are free, or a droplet's.
 * @param droplets those that there are: a port that one of them has is where it should be
 * @param listening the ports on which somebody listens
 */
export function checkPorts(droplets: readonly Droplet[], listening: ReadonlySet<number>): Finding {
  const dropletPorts = new Set(droplets.flatMap(({ ports }) => Object.values(ports).map(({ from }) => from.port)))
  // From within a container, or with the engine on another host, it is another network that is seen here.
  if ([...dropletPorts].some(port => !listening.has(port))) {
    return ok('ports', 'not looked at: the network in which the droplets are cannot be seen from here')
  }
  const conflicts = dropletNumbers().flatMap(number =>
    portsOf(number)
      .filter(port => listening.has(port) && !dropletPorts.has(port))
      .map(port => ({ number, port })),
  )
  if (conflicts.length === 0) return ok('ports', '22NN, 80NN and 443NN are free here, or a droplet has them')
  const portList = [...new Set(conflicts.map(({ port }) => port))].join(', ')
  const stopped = droplets.filter(
    ({ name, state }) => state !== 'running' && includesNumber(conflicts, Number(name.slice(-2))),
  )
  const remedy =
    stopped.length === 0
      ? 'an add skips these numbers; stop what listens there to have them'
      : `${stopped.map(({ name }) => name).join(', ')} cannot be started: stop what listens there`
  return warning('ports', `somebody else listens on ${portList}: ${remedy}`)
}

/** The TCP ports on which somebody listens, as far as this process sees the network. */
export function listeningPorts(): Set<number> {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].filter(file => existsSync(file))
  return new Set(tables.flatMap(file => parseListening(readFileSync(file, 'utf8'))))
}

/** @param table as /proc/net/tcp has it: local address and port in hex in the second column, the state in the fourth */
export function parseListening(table: string): number[] {
  return table.split('\n').flatMap(line => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    return state === LISTEN_STATE ? [Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)] : []
  })
}

const dropletNumbers = () => Array.from({ length: 99 }, (_, index) => index + 1)

const portsOf = (number: number) => [2200 + number, 8000 + number, 44300 + number]

const includesNumber = (conflicts: readonly { number: number }[], searched: number) =>
  conflicts.some(({ number }) => number === searched)
