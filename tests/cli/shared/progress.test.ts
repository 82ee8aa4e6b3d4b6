import { describe, expect, test } from 'bun:test'
import { createProgressLine, toProgressLine, toProgressStatus } from '../../../cli/shared/progress.ts'
import { operationBody } from '../../testkit/droplets/operation-body.ts'

const image = { title: 'add cikit05', stage: 'image' }

describe('toProgressLine', () => {
  test.each<[string, Parameters<typeof toProgressLine>[0], string]>([
    ['shows the operation, step and seconds', image, 'add cikit05: image, 12 s'],
    [
      'shows a bar for a known total',
      { ...image, progress: { text: 'Step 5/9 : RUN apt', done: 4, total: 9 } },
      'add cikit05: image, 12 s  [########------------]  44%  Step 5/9 : RUN apt',
    ],
    [
      'shows 100% when done',
      { ...image, progress: { text: 'x', done: 9, total: 9 } },
      'add cikit05: image, 12 s  [####################] 100%  x',
    ],
    [
      'shows a text without a total',
      { ...image, progress: { text: 'Pulling', done: null, total: null } },
      'add cikit05: image, 12 s  Pulling',
    ],
    [
      'omits the bar for a total of zero',
      { ...image, progress: { text: '', done: 0, total: 0 } },
      'add cikit05: image, 12 s',
    ],
    [
      'caps the bar at 100%',
      { ...image, progress: { text: '', done: 12, total: 9 } },
      'add cikit05: image, 12 s  [####################] 100%',
    ],
    [
      'escapes control characters',
      { title: 'add \x1b]0;x\x07', stage: '\u009b2J', progress: { text: 'a\r\nb\u202e', done: null, total: null } },
      'add \\u001b]0;x\\u0007: \\u009b2J, 12 s  a\\r\\nb\\u202e',
    ],
  ])('%s', (_, status, line) => {
    expect(toProgressLine(status, 12, 200)).toBe(line)
  })

  test('is cut to the width of the terminal, counting wide characters twice', () => {
    const long = { ...image, progress: { text: '日本語'.repeat(50), done: null, total: null } }
    expect(toProgressLine(long, 1, 30)).toBe('add cikit05: image, 1 s  日本')
    for (let columns = 0; columns < 80; columns++) {
      expect(Bun.stringWidth(toProgressLine(long, 1, columns))).toBeWithin(Math.min(columns, 24) - 1, columns + 1)
    }
  })

  test('handles an extremely long text quickly', () => {
    const text = `a${'\u0301'.repeat(1_000_000)}`
    expect(toProgressLine({ ...image, progress: { text, done: null, total: null } }, 1, 80).length).toBeLessThan(1_100)
  })
})

test.each([
  [operationBody({ state: 'queued' }), { title: 'add cikit02', stage: 'queued' }],
  [operationBody({ droplet: null }), { title: 'add', stage: 'starting' }],
  [operationBody({ steps: step('image', 'create') }), { title: 'add cikit02', stage: 'create' }],
])('describes an operation by its last step', (operation, status) => {
  expect(toProgressStatus(operation)).toEqual({ ...status, progress: null })
})

test('redraws the line in place and erases it at the end', () => {
  const terminal = createTerminal({ isTTY: true, columns: 40 })
  let now = 0
  const line = createProgressLine({ terminal, quiet: false, now: () => now })
  line.update(image)
  now = 61_500
  line.update({ title: 'add cikit05', stage: 'start' })
  line[Symbol.dispose]()
  line[Symbol.dispose]()
  expect(terminal.written).toEqual(['\radd cikit05: image, 0 s\x1b[K', '\radd cikit05: start, 61 s\x1b[K', '\r\x1b[K'])
})

test('writes nothing without a terminal or when quiet', () => {
  for (const [isTTY, quiet] of [
    [false, false],
    [true, true],
  ]) {
    const terminal = createTerminal({ isTTY: isTTY === true, columns: 80 })
    const line = createProgressLine({ terminal, quiet: quiet === true })
    line.update(image)
    line[Symbol.dispose]()
    expect(terminal.written).toEqual([])
  }
})

test('assumes 80 columns if the terminal does not report its width', () => {
  const terminal = createTerminal({ isTTY: true, columns: 0 })
  using line = createProgressLine({ terminal, quiet: false })
  line.update({ ...image, progress: { text: 'x'.repeat(200), done: null, total: null } })
  expect(terminal.written).toEqual([`\radd cikit05: image, 0 s  ${'x'.repeat(54)}\x1b[K`])
})

function createTerminal(options: { isTTY: boolean; columns: number }) {
  const written: string[] = []
  return { ...options, written, write: (text: string) => written.push(text) }
}

function step(...names: string[]) {
  return names.map(name => ({ name, started_at: '2026-11-23T16:21:07.115Z', ended_at: null }))
}
