import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CASES } from '../testkit/properties/check-property.ts'

test('a run checks at least 10,000 cases', () => {
  const total = Object.values(CASES).reduce((sum, count) => sum + count, 0)
  expect(total).toBeGreaterThanOrEqual(10_000)
})

test('every counted property is checked in exactly one place', () => {
  const sources = readdirSync(import.meta.dir).map(name => readFileSync(join(import.meta.dir, name), 'utf8'))
  const checked = sources.flatMap(source =>
    [...source.matchAll(/\bcheckProperty\(\s*'([^']+)'/g)].map(([, name]) => name),
  )
  expect(checked.toSorted()).toEqual(Object.keys(CASES).toSorted())
})
