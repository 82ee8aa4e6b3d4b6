import { describe, expect, test } from 'bun:test'
import { candidateNumbers, nameOf, numberOf, portsOf } from '../../src/droplets/naming.ts'

const all = Array.from({ length: 99 }, (_, index) => index + 1)
const allExcept = (...free: number[]) => new Set(all.filter(number => !free.includes(number)))

describe('a droplet name', () => {
  test('is the prefix and two digits from 01 to 99', () => {
    const names = all.map(number => nameOf(number, 'cikit'))
    expect([names[0], names[8], names[9], names[98]]).toEqual(['cikit01', 'cikit09', 'cikit10', 'cikit99'])
    expect(names.map(name => numberOf(name, 'cikit'))).toEqual(all)
  })

  test('follows the configured prefix', () => {
    expect(nameOf(7, 'build-box')).toBe('build-box07')
    expect(numberOf('build-box07', 'build-box')).toBe(7)
    expect(numberOf('cikit07', 'build-box')).toBeUndefined()
  })

  test.each([
    '',
    'cikit',
    'cikit0',
    'cikit1',
    'cikit00',
    'cikit100',
    'cikit001',
    'CIKIT01',
    'Cikit01',
    'cikit01 ',
    ' cikit01',
    'cikit01\n',
    '\ncikit01',
    'cikit01\0',
    'cikit01?force=1',
    'cikit01/json',
    '/cikit01',
    '../cikit01',
    '..',
    'cikit+1',
    'cikit-1',
    'cikit1e',
    'cikit.1',
    'cikit0x',
    'cikit٠١',
    'cikit\uff10\uff11',
    'xcikit01',
    'cikitcikit01',
    ';reboot',
    '$(id)',
    '--help',
    '{{7*7}}',
    '(a+)+$',
  ])('is not %j', name => {
    expect(numberOf(name, 'cikit')).toBeUndefined()
  })
})

describe('the numbers for a new droplet', () => {
  test('run from 1 to 99 on an empty host', () => {
    expect(candidateNumbers(new Set())).toEqual(all)
  })

  test('continue after the highest in use before filling gaps', () => {
    expect(candidateNumbers(new Set([2, 97]))).toEqual([98, 99, 1, ...all.slice(2, 96)])
  })

  test('are the free ones from the lowest if 99 is in use', () => {
    expect(candidateNumbers(allExcept(4, 60))).toEqual([4, 60])
  })

  test('are empty if all are in use', () => {
    expect(candidateNumbers(new Set(all))).toEqual([])
  })
})

test.each([
  [1, 2201, 8001, 44301],
  [9, 2209, 8009, 44309],
  [10, 2210, 8010, 44310],
  [99, 2299, 8099, 44399],
])('droplet %i has SSH on port %i of every address and web on %i and %i of loopback', (number, ssh, http, https) => {
  expect(portsOf(number)).toEqual([
    { host: '0.0.0.0', hostPort: ssh, dropletPort: 22 },
    { host: '127.0.0.1', hostPort: http, dropletPort: 80 },
    { host: '127.0.0.1', hostPort: https, dropletPort: 443 },
  ])
})
