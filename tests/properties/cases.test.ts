import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CASES } from '../testkit/properties/check-property.ts'

test('a run tries 10,000 cases at the least', () => {
  const total = Object.values(CASES).reduce((sum, count) => sum + count, 0)
  expect(total).toBeGreaterThanOrEqual(10_000)
})

test('every property that is counted is tried, in one place', () => {
  const sources = readdirSync(import.meta.dir).map(name => readFileSync(join(import.meta.dir, name), 'utf8'))
  const tried = sources.flatMap(source =>
    [...source.matchAll(/\bcheckProperty\(\s*'([^']+)'/g)].map(([, name]) => name),
  )
  expect(tried.toSorted()).toEqual(Object.keys(CASES).toSorted())
})
