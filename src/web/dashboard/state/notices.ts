import { signal } from '@preact/signals'
import { wordsFor } from '../api/http.ts'

export interface Notice {
  id: number
  text: string
  kind: 'good' | 'bad'
}

const SHOWN_MS = 6_000

/** What the person is told at the edge of the page, oldest first. Of what went wrong it is told until it is put away. */
export const notices = signal<readonly Notice[]>([])
let last = 0

export function notify(text: string, kind: Notice['kind'] = 'good'): void {
  last += 1
  const id = last
  notices.value = [...notices.value, { id, text, kind }].slice(-4)
  if (kind === 'good') setTimeout(() => putAway(id), SHOWN_MS)
}

export function putAway(id: number): void {
  notices.value = notices.value.filter(notice => notice.id !== id)
}

/** Tells what goes wrong with a piece of work that a person began. */
export async function telling(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    notify(wordsFor(error), 'bad')
    return false
  }
}
