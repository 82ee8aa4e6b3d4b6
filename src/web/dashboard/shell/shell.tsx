import type { ComponentType } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { isOwner, session, signOut } from '../api/session.ts'
import { Audit } from '../audit/audit.tsx'
import { Droplet } from '../droplet/droplet.tsx'
import { Droplets } from '../droplets/droplets.tsx'
import { Me } from '../me/me.tsx'
import { Icon, type IconName } from '../parts/icon.tsx'
import { People } from '../people/people.tsx'
import { place, to } from '../state/router.ts'
import { Keys } from './keys.tsx'
import { Notices } from './notices.tsx'
import { State } from './state.tsx'

interface Room {
  title: string
  icon: IconName
  page: ComponentType<{ parts: readonly string[] }>
  /** Whether the door is in the menu. */
  listed: () => boolean
}

const rooms: Record<string, Room> = {
  droplets: { title: 'Droplets', icon: 'droplet', page: Droplets, listed: () => true },
  droplet: { title: 'Droplet', icon: 'droplet', page: Droplet, listed: () => false },
  people: { title: 'People', icon: 'people', page: People, listed: () => isOwner.value },
  audit: { title: 'Audit', icon: 'audit', page: Audit, listed: () => isOwner.value },
  me: { title: 'Me', icon: 'person', page: Me, listed: () => true },
}

/** The frame around every page: the way to the others, and how the connection is. */
export function Shell() {
  const [name = 'droplets', ...parts] = place.value
  const room = (Object.hasOwn(rooms, name) && rooms[name]) || undefined
  const Page = room?.page ?? Nowhere
  const title = parts[0] && name === 'droplet' ? parts[0] : (room?.title ?? 'Not found')
  const main = useRef<HTMLElement>(null)
  const arrived = useRef(false)
  useEffect(() => {
    document.title = `${title} · CIKit Matrix`
    // The reader of the screen goes along; not at the first page, which it reads by itself.
    if (arrived.current) main.current?.focus()
    arrived.current = true
    scrollTo(0, 0)
  }, [title])
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        To the content
      </button>
      <header class="bar">
        <p class="brand">
          <Icon name="matrix" /> CIKit Matrix
        </p>
        <State />
        <p class="who">
          <a href={to('me')}>{session.value?.username}</a>
          <button type="button" class="quiet small" onClick={() => void signOut()}>
            Sign out
          </button>
        </p>
      </header>
      <nav class="rooms" aria-label="Pages">
        {Object.entries(rooms)
          .filter(([, each]) => each.listed())
          .map(([key, each]) => (
            <a
              key={key}
              href={to(key)}
              aria-current={key === name || (key === 'droplets' && name === 'droplet') ? 'page' : undefined}
            >
              <Icon name={each.icon} />
              {each.title}
            </a>
          ))}
      </nav>
      <main id="main" tabIndex={-1} ref={main}>
        <Page key={`${name}/${parts[0] ?? ''}`} parts={parts} />
      </main>
      <Notices />
      <Keys />
    </div>
  )
}

function Nowhere() {
  return (
    <section class="empty">
      <h1>There is nothing here</h1>
      <p>
        <a href={to('droplets')}>Go to the droplets</a>
      </p>
    </section>
  )
}
