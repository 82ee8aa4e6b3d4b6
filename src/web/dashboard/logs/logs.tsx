import './logs.css'
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { errorMessage } from '../../../core/error-message.ts'
import { request } from '../api/client.ts'
import { downloadFile } from '../components/download-file.ts'
import { Icon } from '../components/icon.tsx'
import { ErrorMessage } from '../components/placeholders.tsx'
import { shortcutRegistry } from '../state/shortcuts.ts'
import { createLineBuffer, filterLines, MAX_LINES } from './line-buffer.ts'

const INITIAL_LINES = 500
/** Lines that come in a flood are drawn together. */
const RENDER_INTERVAL_MS = 100

type Source = 'journal' | 'console'

/** An answer begins with its first line. */
const statusTexts = {
  reading: 'Reading…',
  waiting: 'Waiting for the first line…',
  following: 'Following what comes.',
  ended: 'That is all.',
}

/** What a droplet says, as text, from a while ago on. */
export function Logs({ name, isRunning }: { name: string; isRunning: boolean }) {
  const source = useSignal<Source>(isRunning ? 'journal' : 'console')
  const isFollowing = useSignal(isRunning)
  const search = useSignal('')
  const lines = useSignal<readonly string[]>([])
  const errorText = useSignal<string | undefined>(undefined)
  const state = useSignal<'reading' | 'following' | 'ended'>('reading')
  const attempt = useSignal(0)
  const visibleLines = useComputed(() => filterLines(lines.value, search.value))
  const visibleText = useComputed(() => visibleLines.value.join('\n'))
  const logElement = useRef<HTMLPreElement>(null)
  const searchInput = useRef<HTMLInputElement>(null)
  const isAtEnd = useRef(true)

  useEffect(() => shortcutRegistry.add('/', 'Look in the logs', () => searchInput.current?.focus()), [])

  useSignalEffect(() => {
    void attempt.value
    const controller = new AbortController()
    const query = `source=${source.value}&lines=${INITIAL_LINES}&follow=${isFollowing.value}`
    lines.value = []
    errorText.value = undefined
    state.value = 'reading'
    void streamLogs(`/droplet/logs/${encodeURIComponent(name)}?${query}`, controller.signal)
    return () => controller.abort()
  })

  // Who looks at the end goes on looking at the end.
  useSignalEffect(() => {
    void visibleText.value
    if (isAtEnd.current) requestAnimationFrame(() => logElement.current?.scrollTo(0, logElement.current.scrollHeight))
  })

  async function streamLogs(path: string, signal: AbortSignal): Promise<void> {
    try {
      const { body } = await request(path, { signal })
      const lineBuffer = createLineBuffer()
      let pendingLines: readonly string[] | undefined
      const flush = () => {
        if (pendingLines && !signal.aborted) lines.value = pendingLines
        pendingLines = undefined
      }
      const timer = setInterval(flush, RENDER_INTERVAL_MS)
      if (isFollowing.peek()) state.value = 'following'
      try {
        const reader = body?.getReader()
        for (;;) {
          const { done, value } = (await reader?.read()) ?? { done: true }
          if (done || !value) break
          pendingLines = lineBuffer.push(value)
        }
      } finally {
        clearInterval(timer)
        flush()
      }
      if (!signal.aborted) state.value = 'ended'
    } catch (error) {
      if (signal.aborted) return
      state.value = 'ended'
      errorText.value = errorMessage(error)
    }
  }

  return (
    <section class="logs">
      <div class="tools">
        <label class="find">
          <span class="unseen">Look in the logs</span>
          <input
            ref={searchInput}
            type="search"
            placeholder="Only lines with…"
            spellcheck={false}
            value={search}
            onInput={event => (search.value = event.currentTarget.value)}
          />
        </label>
        <label class="choice">
          Source
          <select value={source} onChange={event => (source.value = event.currentTarget.value as Source)}>
            <option value="journal">Journal</option>
            <option value="console">Console</option>
          </select>
        </label>
        <label class="choice">
          <input
            type="checkbox"
            checked={isFollowing}
            onChange={event => (isFollowing.value = event.currentTarget.checked)}
          />
          Follow
        </label>
        <button
          type="button"
          class="quiet"
          onClick={() => downloadFile(`${name}-${source.peek()}.log`, 'text/plain', `${visibleText.peek()}\n`)}
        >
          <Icon name="download" /> Save
        </button>
      </div>
      {errorText.value && <ErrorMessage text={errorText.value} onRetry={() => (attempt.value += 1)} />}
      <pre
        ref={logElement}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard.
        tabIndex={0}
        role="log"
        aria-label={`Logs of ${name}`}
        aria-live="off"
        onScroll={({ currentTarget: element }) => {
          isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 40
        }}
      >
        {visibleText}
      </pre>
      <p class="soft">
        {statusTexts[state.value === 'reading' && isFollowing.value ? 'waiting' : state.value]}{' '}
        {lines.value.length === MAX_LINES && `The last ${MAX_LINES} lines are shown.`}{' '}
        {search.value !== '' && `${visibleLines.value.length} of ${lines.value.length} lines.`}
      </p>
    </section>
  )
}
