import type { ComponentChildren } from 'preact'

/** Instead of what is not known yet. */
export function Loading({ label }: { label: string }) {
  return (
    <p class="loading soft" aria-busy="true">
      Reading {label}…
    </p>
  )
}

/** Instead of what could not be read. */
export function ErrorMessage({ text, onRetry }: { text: string; onRetry?: () => void }) {
  return (
    <div class="problem" role="alert">
      <p>{text}</p>
      {onRetry && (
        <button type="button" class="quiet" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** Instead of a list with nothing in it. */
export function EmptyState({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <section class="empty">
      <h2>{title}</h2>
      {children}
    </section>
  )
}
