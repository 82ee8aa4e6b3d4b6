/** Stroked paths in a 24 × 24 view box. */
const paths = {
  matrix: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z',
  droplet: 'M12 3s6 6.5 6 11a6 6 0 0 1-12 0c0-4.5 6-11 6-11z',
  users:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.600 2.900-6 6.5-6s6.5 2.400 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6.500M17.5 14.5c2.400.8 4 2.800 4 5.5',
  audit: 'M6 3h9l4 4v14H6zM15 3v4h4M9 12h7M9 16h7',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 21c0-4 3.400-6.5 7.5-6.500s7.5 2.5 7.5 6.5',
  close: 'M6 6l12 12M18 6L6 18',
  start: 'M8 5l11 7-11 7z',
  stop: 'M6 6h12v12H6z',
  restart: 'M19 12a7 7 0 1 1-2-5M17 3v4h-4',
  delete: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  add: 'M12 5v14M5 12h14',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  check: 'M5 13l4 4L19 7',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5',
  terminal: 'M4 5h16v14H4zM7 9l3 3-3 3M12 15h5',
  more: 'M12 5.500v.01M12 12v.01M12 18.500v.01',
  up: 'M6 14l6-6 6 6',
  down: 'M6 10l6 6 6-6',
  back: 'M15 5l-7 7 7 7',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  link: 'M10 14l8-8M13 5h6v6M18 14v5H5V6h5',
  warning: 'M12 4L2.5 20h19zM12 10v5M12 17.500v.01',
  key: 'M14.5 14a4.5 4.5 0 1 0-4.200-3L4 17.200V20h3v-2h2v-2h2l.7-.7M15.5 8.500v.01',
} as const

export type IconName = keyof typeof paths

/** Decorative: a control that has only an icon needs an `aria-label`. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
