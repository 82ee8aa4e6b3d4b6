import { expect, test } from 'bun:test'
import { createPlaces } from '../../src/exec/places.ts'

const tooMany = expect.objectContaining({ errorId: 938 })

test('a user has twenty places, and each user has its own', () => {
  const places = createPlaces()
  for (let count = 0; count < 20; count++) places.take('ann')
  expect(() => places.take('ann')).toThrow(tooMany)
  places.take('bob')
})

test('a place that is given back is free again', () => {
  const places = createPlaces()
  const taken = Array.from({ length: 20 }, () => places.take('ann'))
  for (const place of taken.slice(0, 2)) place[Symbol.dispose]()
  places.take('ann')
  places.take('ann')
  expect(() => places.take('ann')).toThrow(tooMany)
})

test('a place that is given back twice is one place', () => {
  const places = createPlaces()
  const [first] = Array.from({ length: 20 }, () => places.take('ann'))
  first?.[Symbol.dispose]()
  first?.[Symbol.dispose]()
  places.take('ann')
  expect(() => places.take('ann')).toThrow(tooMany)
})
