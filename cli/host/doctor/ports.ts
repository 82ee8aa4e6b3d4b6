import { existsSync, readFileSync } from 'node:fs'
import type { Droplet } from '../../../src/droplets/engine.ts'
import { candidateNumbers, portsOf } from '../../../src/droplets/naming.ts'
import { type Finding, ok, warning } from './finding.ts'

/** TCP_LISTEN in /proc/net/tcp (proc(5)). */
const LISTEN_STATE = '0A'

/**
 * Checks that the host ports of droplets, 22NN, 80NN and 443NN, are free or used by a droplet.
 * @param listening ports with a listener
 */
export function checkPorts(droplets: readonly Droplet[], listening: ReadonlySet<number>): Finding {
  const dropletPorts = new Set(droplets.flatMap(({ ports }) => Object.values(ports).map(({ from }) => from.port)))
  // In a container, or with the engine on another host, this process sees another network.
  if ([...dropletPorts].some(port => !listening.has(port))) {
    return ok('ports', 'not checked: the droplets are in a network that cannot be seen from here')
  }
  const conflicts = candidateNumbers(new Set()).flatMap(number =>
    hostPortsOf(number)
      .filter(port => listening.has(port) && !dropletPorts.has(port))
      .map(port => ({ number, port })),
  )
  if (conflicts.length === 0) return ok('ports', '22NN, 80NN and 443NN are free or used by droplets')
  const portList = [...new Set(conflicts.map(({ port }) => port))].join(', ')
  const stopped = droplets.filter(
    ({ name, state }) => state !== 'running' && includesNumber(conflicts, Number(name.slice(-2))),
  )
  const remedy =
    stopped.length === 0
      ? 'new droplets skip these numbers; stop those programs to use them'
      : `${stopped.map(({ name }) => name).join(', ')} cannot be started: stop those programs`
  return warning('ports', `other programs listen on ${portList}: ${remedy}`)
}

/** TCP ports with a listener, in this process's network namespace. */
export function listeningPorts(): Set<number> {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].filter(file => existsSync(file))
  return new Set(tables.flatMap(file => parseListening(readFileSync(file, 'utf8'))))
}

/** @param table in the format of /proc/net/tcp: hex address and port in the second column, state in the fourth */
export function parseListening(table: string): number[] {
  return table.split('\n').flatMap(line => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    return state === LISTEN_STATE ? [Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)] : []
  })
}

const hostPortsOf = (number: number) => portsOf(number).map(({ hostPort }) => hostPort)

const includesNumber = (conflicts: readonly { number: number }[], searched: number) =>
  conflicts.some(({ number }) => number === searched)
