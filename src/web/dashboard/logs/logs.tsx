import './logs.css'
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { errorMessage } from '../../../core/error-message.ts'
import { downloadFile } from '../components/download-file.ts'
import { Icon } from '../components/icon.tsx'
import { ErrorMessage } from '../components/placeholders.tsx'
import { addShortcut } from '../state/shortcuts.ts'
import { filterLines, MAX_LINES } from './line-buffer.ts'
import { streamLines } from './stream-lines.ts'

const INITIAL_LINES = 500

type Source = 'journal' | 'console'

const statusTexts = {
  loading: 'Loading…',
  // The response only starts with the first line.
  waiting: 'Waiting for the first line…',
  following: 'Live',
  ended: 'End of log',
}

export function Logs({ name, isRunning }: { name: string; isRunning: boolean }) {
  const source = useSignal<Source>(isRunning ? 'journal' : 'console')
  const isFollowing = useSignal(isRunning)
  const search = useSignal('')
  const lines = useSignal<readonly string[]>([])
  const errorText = useSignal<string | undefined>(undefined)
  const state = useSignal<'loading' | 'following' | 'ended'>('loading')
  const attempt = useSignal(0)
  const visibleLines = useComputed(() => filterLines(lines.value, search.value))
  const visibleText = useComputed(() => visibleLines.value.join('\n'))
  const logElement = useRef<HTMLPreElement>(null)
  const searchInput = useRef<HTMLInputElement>(null)
  const isAtEnd = useRef(true)

  useEffect(() => addShortcut('/', 'Search', () => searchInput.current?.focus()), [])

  useSignalEffect(() => {
    // Loads again when the attempt changes.
    void attempt.value
    const controller = new AbortController()
    const query = `source=${source.value}&lines=${INITIAL_LINES}&follow=${isFollowing.value}`
    lines.value = []
    errorText.value = undefined
    state.value = 'loading'
    void loadLogs(`/droplet/logs/${encodeURIComponent(name)}?${query}`, controller.signal)
    return () => controller.abort()
  })

  // Keeps the end in view if it was in view before.
  useSignalEffect(() => {
    void visibleText.value
    if (isAtEnd.current) requestAnimationFrame(() => logElement.current?.scrollTo(0, logElement.current.scrollHeight))
  })

  async function loadLogs(path: string, signal: AbortSignal): Promise<void> {
    try {
      await streamLines(path, signal, {
        onStart: () => {
          if (isFollowing.peek()) state.value = 'following'
        },
        onLines: newLines => {
          lines.value = newLines
        },
      })
    } catch (error) {
      if (!signal.aborted) errorText.value = errorMessage(error)
    }
    if (!signal.aborted) state.value = 'ended'
  }

  return (
    <section class="logs">
      <div class="toolbar">
        <label class="search">
          <span class="visually-hidden">Filter lines</span>
          <input
            ref={searchInput}
            type="search"
            placeholder="Filter lines"
            spellcheck={false}
            value={search}
            onInput={event => (search.value = event.currentTarget.value)}
          />
        </label>
        <label class="inline">
          Source
          <select value={source} onChange={event => (source.value = event.currentTarget.value as Source)}>
            <option value="journal">Journal</option>
            <option value="console">Console log</option>
          </select>
        </label>
        <label class="inline">
          <input
            type="checkbox"
            checked={isFollowing}
            onChange={event => (isFollowing.value = event.currentTarget.checked)}
          />
          Follow
        </label>
        <button
          type="button"
          class="secondary"
          onClick={() => downloadFile(`${name}-${source.peek()}.log`, 'text/plain', `${visibleText.peek()}\n`)}
        >
          <Icon name="download" /> Download
        </button>
      </div>
      {errorText.value && <ErrorMessage text={errorText.value} onRetry={() => (attempt.value += 1)} />}
      <pre
        ref={logElement}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable element must be reachable by keyboard.
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
      <p class="muted">
        {statusTexts[state.value === 'loading' && isFollowing.value ? 'waiting' : state.value]}{' '}
        {lines.value.length === MAX_LINES && `Showing the last ${MAX_LINES} lines.`}{' '}
        {search.value !== '' && `${visibleLines.value.length} of ${lines.value.length} lines match.`}
      </p>
    </section>
  )
}
