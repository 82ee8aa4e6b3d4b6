import { expect, test } from 'bun:test'
import { createConnectionSlots } from '../../../src/droplets/exec/slots.ts'

const tooMany = expect.objectContaining({ errorId: 938 })

test('each user has twenty slots', () => {
  const slots = createConnectionSlots()
  for (let count = 0; count < 20; count++) slots.acquire('ann')
  expect(() => slots.acquire('ann')).toThrow(tooMany)
  slots.acquire('bob')
})

test('a released slot can be acquired again', () => {
  const slots = createConnectionSlots()
  const acquired = Array.from({ length: 20 }, () => slots.acquire('ann'))
  for (const slot of acquired.slice(0, 2)) slot[Symbol.dispose]()
  slots.acquire('ann')
  slots.acquire('ann')
  expect(() => slots.acquire('ann')).toThrow(tooMany)
})

test('releasing a slot twice frees one slot', () => {
  const slots = createConnectionSlots()
  const [first] = Array.from({ length: 20 }, () => slots.acquire('ann'))
  first?.[Symbol.dispose]()
  first?.[Symbol.dispose]()
  slots.acquire('ann')
  expect(() => slots.acquire('ann')).toThrow(tooMany)
})
