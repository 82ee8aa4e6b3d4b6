import type { ComponentChildren } from 'preact'

/** Instead of what is not known yet. */
export function Loading({ what }: { what: string }) {
  return (
    <p class="loading soft" aria-busy="true">
      Reading {what}…
    </p>
  )
}

/** Instead of what could not be read. */
export function Problem({ text, retry }: { text: string; retry?: () => void }) {
  return (
    <div class="problem" role="alert">
      <p>{text}</p>
      {retry && (
        <button type="button" class="quiet" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** Instead of a list with nothing in it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <section class="empty">
      <h2>{title}</h2>
      {children}
    </section>
  )
}
