import { computed, signal } from '@preact/signals'
import { droplets } from '../state/matrix.ts'
import { type Column, narrowed, type Order, ordered } from './view.ts'

// What the person looks for and has picked; it stays while other pages are looked at.

export const filter = signal('')
export const order = signal<Order>({ by: 'age', descending: false })
const picked = signal<ReadonlySet<string>>(new Set())

/** As they are shown; undefined as long as none are known. */
export const shown = computed(() => droplets.value && ordered(narrowed(droplets.value, filter.value), order.value))

/** The picked ones that are shown. */
export const selected = computed(() => shown.value?.filter(({ name }) => picked.value.has(name)) ?? [])

export function select(names: readonly string[], isPicked: boolean): void {
  const next = new Set(picked.value)
  for (const name of names) {
    if (isPicked) next.add(name)
    else next.delete(name)
  }
  picked.value = next
}

/** The same column a second time turns the order round. */
export function orderBy(by: Column): void {
  const { by: before, descending } = order.value
  order.value = { by, descending: by === before && !descending }
}
