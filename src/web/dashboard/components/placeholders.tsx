import type { ComponentChildren } from 'preact'
import type { Resource } from '../state/resource.ts'

/** @param label what is being loaded, such as "droplets" */
export function Loading({ label }: { label: string }) {
  return (
    <p class="loading muted" aria-busy="true">
      Loading {label}…
    </p>
  )
}

export function ErrorMessage({ text, onRetry }: { text: string; onRetry?: () => void }) {
  return (
    <div class="alert" role="alert">
      <p>{text}</p>
      {onRetry && (
        <button type="button" class="secondary" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** The error or loading message of a resource; nothing once it is loaded. */
export function ResourceStatus<T>({
  resource: { data, errorText, load },
  label,
}: {
  resource: Resource<T>
  label: string
}) {
  if (errorText.value) return <ErrorMessage text={errorText.value} onRetry={() => void load()} />
  return data.value === undefined ? <Loading label={label} /> : null
}

/** Shown instead of an empty list. */
export function EmptyState({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <section class="empty-state">
      <h2>{title}</h2>
      {children}
    </section>
  )
}
