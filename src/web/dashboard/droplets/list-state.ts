import { computed, signal } from '@preact/signals'
import { droplets } from '../state/store.ts'
import { filterDroplets, type SortColumn, type SortOrder, sortDroplets } from './view-model.ts'

// Filter, order and selection outlive the page, so they are still there after visiting another one.

export const filterText = signal('')
export const sortOrder = signal<SortOrder>({ by: 'age', descending: false })
const selectedNames = signal<ReadonlySet<string>>(new Set())

/** Filtered and sorted; undefined until the list is loaded. */
export const visibleDroplets = computed(
  () => droplets.value && sortDroplets(filterDroplets(droplets.value, filterText.value), sortOrder.value),
)

/** Droplets hidden by the filter are not selected, so bulk actions never affect them. */
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

/** Sorts by a column, or reverses the order if it is already the sort column. */
export function toggleSort(by: SortColumn): void {
  const { by: current, descending } = sortOrder.value
  sortOrder.value = { by, descending: by === current && !descending }
}
