import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { wordsFor } from '../api/http.ts'
import { announce } from '../state/announcer.ts'
import { connectTerminal } from './connection.ts'

/** One terminal. It goes on while another tab is looked at. */
export function Tab({ droplet, title, isShown }: { droplet: string; title: string; isShown: boolean }) {
  const place = useRef<HTMLDivElement>(null)
  const focus = useRef<() => void>(() => undefined)
  const state = useSignal<'connecting' | 'open' | 'lost'>('connecting')
  const over = useSignal<string | undefined>(undefined)
  const attempt = useSignal(0)

  useEffect(() => {
    let isGone = false
    let end: () => void = () => undefined
    void open().catch(error => {
      over.value = wordsFor(error)
    })
    return () => {
      isGone = true
      end()
    }

    async function open(): Promise<void> {
      over.value = undefined
      // Needed by few, and several times as large as the page.
      const { createScreen } = await import('./screen.ts')
      if (isGone || !place.current) return
      const screen = createScreen(place.current, {
        typed: text => connection.type(text),
        binary: text => connection.bytes(Uint8Array.from(text, character => character.charCodeAt(0))),
        resized: () => connection.resize(),
      })
      const connection = connectTerminal(droplet, screen.size, {
        printed: screen.write,
        resumed: screen.reset,
        state: next => {
          state.value = next
          if (next === 'lost') announce(`${title}: the connection was lost.`)
        },
        over: why => {
          over.value = why
          announce(`${title}: ${why}`)
        },
      })
      focus.current = screen.focus
      screen.focus()
      end = () => {
        connection.close()
        screen.dispose()
      }
    }
  }, [droplet, attempt.value])

  useEffect(() => {
    if (isShown) focus.current()
  }, [isShown])

  return (
    <div class="tab" hidden={!isShown} role="tabpanel" aria-label={title}>
      <div class="screen" ref={place} />
      {over.value !== undefined ? (
        <p class="end" role="status">
          {over}{' '}
          <button type="button" class="quiet small" onClick={() => (attempt.value += 1)}>
            Open again
          </button>
        </p>
      ) : (
        state.value !== 'open' && (
          <p class="end" role="status">
            {state.value === 'lost' ? 'The connection was lost: trying again…' : 'Opening…'}
          </p>
        )
      )}
    </div>
  )
}
