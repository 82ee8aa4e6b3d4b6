import type { ComponentChildren } from 'preact'
import { EmptyState } from './placeholders.tsx'

/** Shown to other users instead of a page for the owner. */
export function OwnerOnly({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <>
      <h1>{title}</h1>
      <EmptyState title="Only the owner can see this page">
        <p class="muted">{children}</p>
      </EmptyState>
    </>
  )
}
