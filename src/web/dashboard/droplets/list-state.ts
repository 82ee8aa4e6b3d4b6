import { computed, signal } from '@preact/signals'
import { droplets } from '../state/store.ts'
import { filterDroplets, type SortColumn, type SortOrder, sortDroplets } from './view-model.ts'

// What the person looks for and has picked; it stays while other pages are looked at.

export const filterText = signal('')
export const sortOrder = signal<SortOrder>({ by: 'age', descending: false })
const selectedNames = signal<ReadonlySet<string>>(new Set())

/** As they are shown; undefined as long as none are known. */
export const visibleDroplets = computed(
  () => droplets.value && sortDroplets(filterDroplets(droplets.value, filterText.value), sortOrder.value),
)

/** The picked ones that are shown. */
export const selectedDroplets = computed(
  () => visibleDroplets.value?.filter(({ name }) => selectedNames.value.has(name)) ?? [],
)

export function setSelected(names: readonly string[], isSelected: boolean): void {
  const next = new Set(selectedNames.value)
  for (const name of names) {
    if (isSelected) next.add(name)
    else next.delete(name)
  }
  selectedNames.value = next
}

/** The same column a second time turns the order round. */
export function toggleSort(by: SortColumn): void {
  const { by: current, descending } = sortOrder.value
  sortOrder.value = { by, descending: by === current && !descending }
}
