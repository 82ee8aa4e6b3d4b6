import './sign-in.css'
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { Refusal, wordsFor } from '../api/http.ts'
import { canRemember, farewell, signIn } from '../api/session.ts'
import { Icon } from '../parts/icon.tsx'
import { codeIn } from './code.ts'
import { createCountdown } from './countdown.ts'

const CODE_DIGITS = 6

/** Asks for a name and the code that the phone shows. */
export function SignIn() {
  const username = useSignal('')
  const code = useSignal('')
  const wantsToBeRemembered = useSignal(false)
  const problem = useSignal(farewell.peek() ?? '')
  const isAsking = useSignal(false)
  const locked = useRef(createCountdown()).current
  const field = useRef<HTMLInputElement>(null)
  const refused = useRef('')
  const message = useComputed(() => (locked.left.value ? `Locked: try again in ${locked.left.value}.` : problem.value))
  useSignalEffect(() => locked.stop)

  const submit = async () => {
    if (isAsking.peek() || locked.left.peek()) return
    if (username.peek() === '' || code.peek().length !== CODE_DIGITS) {
      problem.value = 'Both your name and the six digits are needed.'
      return
    }
    isAsking.value = true
    problem.value = ''
    try {
      await signIn(username.peek().trim(), code.peek(), wantsToBeRemembered.peek())
    } catch (error) {
      refused.current = code.peek()
      code.value = ''
      if (error instanceof Refusal && error.retryAfterSeconds) locked.begin(error.retryAfterSeconds)
      problem.value = wordsFor(error)
      isAsking.value = false
      field.current?.focus()
    }
  }

  const typed = (text: string) => {
    const before = code.peek()
    code.value = codeIn(text)
    // By itself once it is whole, but not the same refused code again.
    const isWhole = code.peek().length === CODE_DIGITS && before !== code.peek()
    if (isWhole && username.peek() !== '' && code.peek() !== refused.current) void submit()
  }

  return (
    <main class="sign-in">
      <form
        noValidate
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <p class="brand">
          <Icon name="matrix" /> CIKit Matrix
        </p>
        <h1>Sign in</h1>
        <p class="problem" role="alert" hidden={message.value === ''}>
          {message}
        </p>
        <label>
          Name
          <input
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            autofocus
            value={username}
            onInput={event => (username.value = event.currentTarget.value)}
          />
        </label>
        <label>
          Code from your phone
          <input
            ref={field}
            class="code"
            name="code"
            inputmode="numeric"
            autocomplete="one-time-code"
            spellcheck={false}
            placeholder="000000"
            value={code}
            readOnly={isAsking.value}
            onInput={event => {
              typed(event.currentTarget.value)
              // What is no digit is not shown either.
              event.currentTarget.value = code.peek()
            }}
          />
        </label>
        {canRemember && (
          <label class="choice">
            <input
              type="checkbox"
              name="remember"
              checked={wantsToBeRemembered}
              onChange={event => (wantsToBeRemembered.value = event.currentTarget.checked)}
            />
            Remember me in this browser
          </label>
        )}
        <button type="submit" disabled={isAsking.value || locked.left.value !== ''}>
          {isAsking.value ? 'Signing in…' : 'Sign in'}
        </button>
        <p class="soft hint">
          Lost your phone? <a href="enrol">Use a recovery code</a>
        </p>
      </form>
    </main>
  )
}
