/** Focuses the link in the next or previous row. */
export function moveRowFocus(delta: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>('[data-row] .name a')]
  const currentRow = document.activeElement?.closest('[data-row]')
  const index = links.findIndex(link => link.closest('[data-row]') === currentRow)
  links[index === -1 ? 0 : Math.min(Math.max(index + delta, 0), links.length - 1)]?.focus()
}
