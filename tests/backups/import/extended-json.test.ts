import { expect, test } from 'bun:test'
import { toMilliseconds } from '../../../src/backups/import/extended-json.ts'

const TIME = Date.UTC(2018, 4, 30, 7, 12, 31, 114)

test.each([
  ['v2, relaxed', { $date: '2018-05-30T07:12:31.114Z' }],
  ['v2, canonical', { $date: { $numberLong: '1527664351114' } }],
  ['v1 of an old mongoexport', { $date: '2018-05-30T07:12:31.114+0000' }],
  ['another zone', { $date: '2018-05-30T09:12:31.114+0200' }],
  ['milliseconds', { $date: 1_527_664_351_114 }],
  ['a double', { $date: { $numberDouble: '1527664351114.0' } }],
])('parses the date %s', (_, value) => {
  expect(toMilliseconds(value)).toBe(TIME)
})

test('parses a date before 1970', () => {
  expect(toMilliseconds({ $date: { $numberLong: '-1' } })).toBe(-1)
})

test.each([
  ...[undefined, null, 5, '2018-05-30T07:12:31.114Z', {}, { $date: null }, { $date: 'yesterday' }],
  ...[{ $date: '2018-05-30' }, { $date: '2018-05-30T07:12:31' }, { $date: '2018-13-30T07:12:31Z' }],
  ...[{ $date: { $numberLong: '1e3' } }, { $date: { $numberLong: '9999999999999999999' } }, { $date: 1.5 }],
  ...[{ $date: '2018-05-30T07:12:31Z', more: 1 }, { $numberLong: '1' }],
])('rejects the date %j', value => {
  expect(toMilliseconds(value)).toBeUndefined()
})
