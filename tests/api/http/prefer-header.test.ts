import { expect, test } from 'bun:test'
import { readPreferences } from '../../../src/api/http/prefer-header.ts'

test.each([
  [null, false, 0],
  ['', false, 0],
  ['respond-async', true, 0],
  ['Respond-Async', true, 0],
  ['respond-async, wait=10', true, 10],
  ['wait=10, respond-async', true, 10],
  ['respond-async; x=1, wait="5"', true, 5],
  ['  respond-async  ,  wait = 7 ', true, 7],
  ['return=minimal, respond-async', true, 0],
  // RFC 7240 section 2: the first counts.
  ['wait=3, wait=9', false, 3],
  ['wait=100', false, 60],
  ['wait=-1', false, 0],
  ['wait=x', false, 0],
  ['wait=1e3', false, 0],
  ['respond-asynchronously', false, 0],
  ['x-respond-async', false, 0],
  [',,;=,"', false, 0],
])('reads Prefer: %s', (header, respondAsync, waitSeconds) => {
  expect(readPreferences(header)).toEqual({ respondAsync, waitSeconds })
})
