import { expect, test } from 'bun:test'
import { didYouMean, editDistance } from '../../../cli/shared/suggestion.ts'

test.each([
  ['json', 'json', 0],
  ['jsn', 'json', 1],
  ['jsonn', 'json', 1],
  ['jsom', 'json', 1],
  ['jsno', 'json', 1],
  ['', 'json', 4],
  ['kitten', 'sitting', 3],
])('%p and %p are %d edits apart', (left, right, distance) => {
  expect(editDistance(left, right)).toBe(distance)
  expect(editDistance(right, left)).toBe(distance)
})

test.each([
  ['--jsn', '--json'],
  ['--jsno', '--json'],
  ['-json', '--json'],
  ['--dat-dr', '--data-dir'],
])('%p suggests %p', (typed, suggestion) => {
  expect(didYouMean(typed, ['--help', '--json', '--data-dir'])).toBe(` (did you mean ${suggestion}?)`)
})

test.each(['--verbose', '-x', '-p'])('%p suggests nothing', typed => {
  expect(didYouMean(typed, ['--help', '--json', '--data-dir'])).toBeUndefined()
})
