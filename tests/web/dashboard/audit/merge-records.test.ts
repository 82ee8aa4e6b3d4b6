import { describe, expect, test } from 'bun:test'
import { mergeRecords } from '../../../../src/web/dashboard/audit/merge-records.ts'

describe('following the audit log', () => {
  const record = (id: number | null) => ({ id }) as Parameters<typeof mergeRecords>[0][number]

  test('puts new records first and repeats none', () => {
    const previous = [null, 5, 4, 3, 2].map(record)
    expect(mergeRecords([7, 6, 5, 4].map(record), previous)).toEqual([7, 6, 5, 4, 3, 2].map(record))
  })

  test('replaces records that are still being counted', () => {
    expect(mergeRecords([null, 5].map(record), [null, null, 4].map(record))).toEqual([null, 5, 4].map(record))
  })
})
