import type { ComponentType } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { AccountPage } from '../account/account-page.tsx'
import { isOwner, session, signOut } from '../api/session.ts'
import { AuditPage } from '../audit/audit-page.tsx'
import { Icon, type IconName } from '../components/icon.tsx'
import { DropletPage } from '../droplet/droplet-page.tsx'
import { DropletsPage } from '../droplets/droplets-page.tsx'
import { currentPath, hrefTo } from '../state/router.ts'
import { UsersPage } from '../users/users-page.tsx'
import { ConnectionStatus } from './connection-status.tsx'
import { ShortcutsDialog } from './shortcuts-dialog.tsx'
import { Toasts } from './toasts.tsx'

interface Page {
  title: string
  icon: IconName
  component: ComponentType<{ segments: readonly string[] }>
  isInMenu: () => boolean
}

const pages: Record<string, Page> = {
  droplets: { title: 'Droplets', icon: 'droplet', component: DropletsPage, isInMenu: () => true },
  droplet: { title: 'Droplet', icon: 'droplet', component: DropletPage, isInMenu: () => false },
  users: { title: 'Users', icon: 'users', component: UsersPage, isInMenu: () => isOwner.value },
  audit: { title: 'Audit log', icon: 'audit', component: AuditPage, isInMenu: () => isOwner.value },
  account: { title: 'Account', icon: 'user', component: AccountPage, isInMenu: () => true },
}

/** The frame around every page: menu, connection status and notifications. */
export function Shell() {
  const [name = 'droplets', ...segments] = currentPath.value
  const currentPage = (Object.hasOwn(pages, name) && pages[name]) || undefined
  const PageComponent = currentPage?.component ?? NotFound
  const title = segments[0] && name === 'droplet' ? segments[0] : (currentPage?.title ?? 'Page not found')
  const mainRef = useRef<HTMLElement>(null)
  const hasRendered = useRef(false)
  useEffect(() => {
    document.title = `${title} · CIKit Matrix`
    // Moves screen readers to the new page; they read the first one by themselves.
    if (hasRendered.current) mainRef.current?.focus()
    hasRendered.current = true
    scrollTo(0, 0)
  }, [title])
  return (
    <div class="shell">
      <button type="button" class="skip-link" onClick={() => mainRef.current?.focus()}>
        Skip to content
      </button>
      <header class="top-bar">
        <p class="brand">
          <Icon name="matrix" /> CIKit Matrix
        </p>
        <ConnectionStatus />
        <p class="user-menu">
          <a href={hrefTo('account')}>{session.value?.username}</a>
          <button type="button" class="secondary small" onClick={() => void signOut()}>
            Sign out
          </button>
        </p>
      </header>
      <nav class="menu" aria-label="Pages">
        {Object.entries(pages)
          .filter(([, page]) => page.isInMenu())
          .map(([key, page]) => (
            <a
              key={key}
              href={hrefTo(key)}
              aria-current={key === name || (key === 'droplets' && name === 'droplet') ? 'page' : undefined}
            >
              <Icon name={page.icon} />
              {page.title}
            </a>
          ))}
      </nav>
      <main id="main" tabIndex={-1} ref={mainRef}>
        <PageComponent key={`${name}/${segments[0] ?? ''}`} segments={segments} />
      </main>
      <Toasts />
      <ShortcutsDialog />
    </div>
  )
}

function NotFound() {
  return (
    <section class="empty-state">
      <h1>Page not found</h1>
      <p>
        <a href={hrefTo('droplets')}>Go to droplets</a>
      </p>
    </section>
  )
}
