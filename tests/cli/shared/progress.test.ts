import { describe, expect, test } from 'bun:test'
import { createProgressLine, toProgressLine, toProgressStatus } from '../../../cli/shared/progress.ts'
import { operationBody } from '../../testkit/droplets/operation-body.ts'

const image = { title: 'add cikit05', stage: 'image' }

describe('the line', () => {
  test.each<[string, Parameters<typeof toProgressLine>[0], string]>([
    ['what and how long', image, 'add cikit05: image, 12 s'],
    [
      'how far',
      { ...image, progress: { text: 'Step 5/9 : RUN apt', done: 4, total: 9 } },
      'add cikit05: image, 12 s  [########------------]  44%  Step 5/9 : RUN apt',
    ],
    [
      'done',
      { ...image, progress: { text: 'x', done: 9, total: 9 } },
      'add cikit05: image, 12 s  [####################] 100%  x',
    ],
    [
      'a text alone',
      { ...image, progress: { text: 'Pulling', done: null, total: null } },
      'add cikit05: image, 12 s  Pulling',
    ],
    ['nothing of nothing', { ...image, progress: { text: '', done: 0, total: 0 } }, 'add cikit05: image, 12 s'],
    [
      'more than all, and less than nothing',
      { ...image, progress: { text: '', done: 12, total: 9 } },
      'add cikit05: image, 12 s  [####################] 100%',
    ],
    [
      'hostile texts',
      { title: 'add \x1b]0;x\x07', stage: '\u009b2J', progress: { text: 'a\r\nb\u202e', done: null, total: null } },
      'add \\u001b]0;x\\u0007: \\u009b2J, 12 s  a\\r\\nb\\u202e',
    ],
  ])('%s', (_, status, line) => {
    expect(toProgressLine(status, 12, 200)).toBe(line)
  })

  test('is cut to the width of the terminal, by what each character takes there', () => {
    const long = { ...image, progress: { text: '日本語'.repeat(50), done: null, total: null } }
    expect(toProgressLine(long, 1, 30)).toBe('add cikit05: image, 1 s  日本')
    for (let columns = 0; columns < 80; columns++) {
      expect(Bun.stringWidth(toProgressLine(long, 1, columns))).toBeWithin(Math.min(columns, 24) - 1, columns + 1)
    }
  })

  test('takes no time for a text without an end', () => {
    const text = `a${'\u0301'.repeat(1_000_000)}`
    expect(toProgressLine({ ...image, progress: { text, done: null, total: null } }, 1, 80).length).toBeLessThan(1_100)
  })
})

test.each([
  [operationBody({ state: 'queued' }), { title: 'add cikit02', stage: 'queued' }],
  [operationBody({ droplet: null }), { title: 'add', stage: 'starting' }],
  [operationBody({ steps: step('image', 'create') }), { title: 'add cikit02', stage: 'create' }],
])('an operation in words', (operation, status) => {
  expect(toProgressStatus(operation)).toEqual({ ...status, progress: null })
})

test('the line is drawn over itself, and wiped at the end', () => {
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

test('without a terminal, or when it is to be quiet, nothing is written', () => {
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

test('a terminal that does not tell its width is taken for a usual one', () => {
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
