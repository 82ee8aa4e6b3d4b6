import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { errorMessage } from '../../../core/error-message.ts'
import { announce } from '../state/announcer.ts'
import { connectTerminal } from './connection.ts'

/** One terminal, which stays connected while its tab is hidden. */
export function TerminalTab({ droplet, title, isVisible }: { droplet: string; title: string; isVisible: boolean }) {
  const container = useRef<HTMLDivElement>(null)
  const focusScreen = useRef<() => void>(() => undefined)
  const state = useSignal<'connecting' | 'open' | 'lost'>('connecting')
  const endReason = useSignal<string | undefined>(undefined)
  const attempt = useSignal(0)

  useEffect(() => {
    let isUnmounted = false
    let dispose: () => void = () => undefined
    void openTerminal().catch(error => {
      endReason.value = errorMessage(error)
    })
    return () => {
      isUnmounted = true
      dispose()
    }

    async function openTerminal(): Promise<void> {
      endReason.value = undefined
      // Loaded on demand: several times as large as the page.
      const { createScreen } = await import('./screen.ts')
      if (isUnmounted || !container.current) return
      const screen = createScreen(container.current, {
        onData: text => connection.sendText(text),
        onBinary: text => connection.sendBytes(Uint8Array.from(text, character => character.charCodeAt(0))),
        onResize: () => connection.resize(),
      })
      const connection = connectTerminal(droplet, screen.size, {
        onOutput: screen.write,
        onReplay: screen.reset,
        onStateChange: next => {
          state.value = next
          if (next === 'lost') announce(`${title}: connection lost.`)
        },
        onEnd: reason => {
          endReason.value = reason
          announce(`${title}: ${reason}`)
        },
      })
      focusScreen.current = screen.focus
      screen.focus()
      dispose = () => {
        connection.close()
        screen.dispose()
      }
    }
  }, [droplet, attempt.value])

  useEffect(() => {
    if (isVisible) focusScreen.current()
  }, [isVisible])

  return (
    <div class="tab" hidden={!isVisible} role="tabpanel" aria-label={title}>
      <div class="screen" ref={container} />
      {endReason.value !== undefined ? (
        <p class="terminal-status" role="status">
          {endReason}{' '}
          <button type="button" class="secondary small" onClick={() => (attempt.value += 1)}>
            Reopen
          </button>
        </p>
      ) : (
        state.value !== 'open' && (
          <p class="terminal-status" role="status">
            {state.value === 'lost' ? 'Connection lost. Reconnecting…' : 'Connecting…'}
          </p>
        )
      )}
    </div>
  )
}
