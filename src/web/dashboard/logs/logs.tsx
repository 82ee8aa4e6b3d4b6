import './logs.css'
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { open } from '../api/api.ts'
import { wordsFor } from '../api/http.ts'
import { Icon } from '../parts/icon.tsx'
import { saveFile } from '../parts/save-file.ts'
import { Problem } from '../parts/states.tsx'
import { keyList } from '../state/keys.ts'
import { createLines, found, LINES_KEPT } from './lines.ts'

const BEGINNING = 500
/** Lines that come in a flood are drawn together. */
const DRAWN_EVERY_MS = 100

type Source = 'journal' | 'console'

/** An answer begins with its first line. */
const words = {
  reading: 'Reading…',
  waiting: 'Waiting for the first line…',
  following: 'Following what comes.',
  ended: 'That is all.',
}

/** What a droplet says, as text, from a while ago on. */
export function Logs({ name, runs }: { name: string; runs: boolean }) {
  const source = useSignal<Source>(runs ? 'journal' : 'console')
  const follows = useSignal(runs)
  const search = useSignal('')
  const lines = useSignal<readonly string[]>([])
  const problem = useSignal<string | undefined>(undefined)
  const state = useSignal<'reading' | 'following' | 'ended'>('reading')
  const attempt = useSignal(0)
  const shown = useComputed(() => found(lines.value, search.value))
  const text = useComputed(() => shown.value.join('\n'))
  const view = useRef<HTMLPreElement>(null)
  const field = useRef<HTMLInputElement>(null)
  const isAtEnd = useRef(true)

  useEffect(() => keyList.add('/', 'Look in the logs', () => field.current?.focus()), [])

  useSignalEffect(() => {
    void attempt.value
    const end = new AbortController()
    const query = `source=${source.value}&lines=${BEGINNING}&follow=${follows.value}`
    lines.value = []
    problem.value = undefined
    state.value = 'reading'
    void read(`/droplet/logs/${encodeURIComponent(name)}?${query}`, end.signal)
    return () => end.abort()
  })

  // Who looks at the end goes on looking at the end.
  useSignalEffect(() => {
    void text.value
    if (isAtEnd.current) requestAnimationFrame(() => view.current?.scrollTo(0, view.current.scrollHeight))
  })

  async function read(path: string, signal: AbortSignal): Promise<void> {
    try {
      const { body } = await open(path, { signal })
      const taken = createLines()
      let waiting: readonly string[] | undefined
      const draw = () => {
        if (waiting && !signal.aborted) lines.value = waiting
        waiting = undefined
      }
      const timer = setInterval(draw, DRAWN_EVERY_MS)
      if (follows.peek()) state.value = 'following'
      try {
        const reader = body?.getReader()
        for (;;) {
          const { done, value } = (await reader?.read()) ?? { done: true }
          if (done || !value) break
          waiting = taken.push(value)
        }
      } finally {
        clearInterval(timer)
        draw()
      }
      if (!signal.aborted) state.value = 'ended'
    } catch (error) {
      if (signal.aborted) return
      state.value = 'ended'
      problem.value = wordsFor(error)
    }
  }

  return (
    <section class="logs">
      <div class="tools">
        <label class="find">
          <span class="unseen">Look in the logs</span>
          <input
            ref={field}
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
          <input type="checkbox" checked={follows} onChange={event => (follows.value = event.currentTarget.checked)} />
          Follow
        </label>
        <button
          type="button"
          class="quiet"
          onClick={() => saveFile(`${name}-${source.peek()}.log`, 'text/plain', `${text.peek()}\n`)}
        >
          <Icon name="download" /> Save
        </button>
      </div>
      {problem.value && <Problem text={problem.value} retry={() => (attempt.value += 1)} />}
      <pre
        ref={view}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard.
        tabIndex={0}
        role="log"
        aria-label={`Logs of ${name}`}
        aria-live="off"
        onScroll={({ currentTarget: box }) => {
          isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 40
        }}
      >
        {text}
      </pre>
      <p class="soft">
        {words[state.value === 'reading' && follows.value ? 'waiting' : state.value]}{' '}
        {lines.value.length === LINES_KEPT && `The last ${LINES_KEPT} lines are shown.`}{' '}
        {search.value !== '' && `${shown.value.length} of ${lines.value.length} lines.`}
      </p>
    </section>
  )
}
