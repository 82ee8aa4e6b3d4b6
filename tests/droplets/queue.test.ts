import { expect, test } from 'bun:test'
import { createQueue } from '../../src/droplets/queue.ts'

test('runs work of the same key one after another, in order of arrival', async () => {
  const queue = createQueue()
  const events: string[] = []
  const work = (name: string) => async () => {
    events.push(`${name} begins`)
    // The first takes longest, so that a later one could overtake it.
    for (let turn = 0; turn < 10 - Number(name); turn++) await Promise.resolve()
    events.push(`${name} ends`)
  }
  await Promise.all(['1', '2', '3'].map(name => queue.run('add', work(name))))
  expect(events).toEqual(['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends'])
})

test('work of another key does not wait', async () => {
  const queue = createQueue()
  const stuck = Promise.withResolvers<string>()
  const first = queue.run('cikit01', () => stuck.promise)
  expect(await queue.run('cikit02', async () => 'done')).toBe('done')
  stuck.resolve('done at last')
  expect(await first).toBe('done at last')
})

test('a failure rejects only its own promise', async () => {
  const queue = createQueue()
  const failing = queue.run('add', () => Promise.reject(new Error('no room')))
  const next = queue.run('add', async () => 'went well')
  await expect(failing).rejects.toThrow('no room')
  expect(await next).toBe('went well')
})

test('work that throws synchronously rejects as well', async () => {
  const queue = createQueue()
  const failing = queue.run('add', () => {
    throw new Error('at once')
  })
  await expect(failing).rejects.toThrow('at once')
  expect(await queue.run('add', async () => 'went well')).toBe('went well')
})

test('is idle when all work has ended, successfully or not', async () => {
  const queue = createQueue()
  const slow = Promise.withResolvers<void>()
  let ended = 0
  const work = queue.run('cikit01', () => slow.promise.then(() => void ended++))
  const failing = queue.run('cikit02', () => Promise.reject(new Error('no room')))
  await expect(failing).rejects.toThrow('no room')
  const endedWhenIdle = queue.idle().then(() => ended)
  slow.resolve()
  expect(await endedWhenIdle).toBe(1)
  await work
})

test('is idle without any work', async () => {
  expect(await createQueue().idle()).toBeUndefined()
})
