/** Goes from row to row: the link in each is what has the focus. */
export function moveInRows(by: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>('[data-row] .name a')]
  const present = document.activeElement?.closest('[data-row]')
  const at = links.findIndex(link => link.closest('[data-row]') === present)
  links[at === -1 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)]?.focus()
}
