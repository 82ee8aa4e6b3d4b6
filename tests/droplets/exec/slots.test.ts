import { expect, test } from 'bun:test'
import { createConnectionSlots } from '../../../src/droplets/exec/slots.ts'

const tooMany = expect.objectContaining({ errorId: 938 })

test('a user has twenty places, and each user has its own', () => {
  const slots = createConnectionSlots()
  for (let count = 0; count < 20; count++) slots.acquire('ann')
  expect(() => slots.acquire('ann')).toThrow(tooMany)
  slots.acquire('bob')
})

test('a place that is given back is free again', () => {
  const slots = createConnectionSlots()
  const acquired = Array.from({ length: 20 }, () => slots.acquire('ann'))
  for (const slot of acquired.slice(0, 2)) slot[Symbol.dispose]()
  slots.acquire('ann')
  slots.acquire('ann')
  expect(() => slots.acquire('ann')).toThrow(tooMany)
})

test('a place that is given back twice is one place', () => {
  const slots = createConnectionSlots()
  const [first] = Array.from({ length: 20 }, () => slots.acquire('ann'))
  first?.[Symbol.dispose]()
  first?.[Symbol.dispose]()
  slots.acquire('ann')
  expect(() => slots.acquire('ann')).toThrow(tooMany)
})
