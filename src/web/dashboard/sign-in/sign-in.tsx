import './sign-in.css'
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { ResponseError } from '../api/http.ts'
import { canRemember, signIn, signOutReason } from '../api/session.ts'
import { Icon } from '../components/icon.tsx'
import { useSubmit } from '../state/submit.ts'
import { CODE_DIGITS, extractCode } from './code.ts'
import { createCountdown } from './countdown.ts'

export function SignIn() {
  const username = useSignal('')
  const code = useSignal('')
  const rememberMe = useSignal(false)
  const lockout = useRef(createCountdown()).current
  const codeInput = useRef<HTMLInputElement>(null)
  const rejectedCode = useRef('')
  // Stops the countdown when the page is left.
  useSignalEffect(() => lockout.stop)

  const { isSubmitting, errorText, ...form } = useSubmit(async () => {
    if (username.peek() === '' || code.peek().length !== CODE_DIGITS)
      throw new Error('Enter your username and the six-digit code.')
    try {
      await signIn(username.peek().trim(), code.peek(), rememberMe.peek())
    } catch (error) {
      rejectedCode.current = code.peek()
      code.value = ''
      if (error instanceof ResponseError && error.retryAfterSeconds) lockout.start(error.retryAfterSeconds)
      codeInput.current?.focus()
      throw error
    }
  }, signOutReason.peek())
  const submit = async () => {
    if (!lockout.remaining.peek()) await form.submit()
  }
  const message = useComputed(() =>
    lockout.remaining.value ? `Sign-in is locked. Try again in ${lockout.remaining.value}.` : errorText.value,
  )

  const onCodeInput = (text: string) => {
    const previous = code.peek()
    code.value = extractCode(text)
    // A complete code is submitted without a click, unless it was just rejected.
    const isComplete = code.peek().length === CODE_DIGITS && previous !== code.peek()
    if (isComplete && username.peek() !== '' && code.peek() !== rejectedCode.current) void submit()
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
        <p class="alert" role="alert" hidden={message.value === ''}>
          {message}
        </p>
        <label>
          Username
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
          Code from your authenticator app
          <input
            ref={codeInput}
            class="code"
            name="code"
            inputmode="numeric"
            autocomplete="one-time-code"
            spellcheck={false}
            placeholder="000000"
            value={code}
            readOnly={isSubmitting.value}
            onInput={event => {
              onCodeInput(event.currentTarget.value)
              // The signal may be unchanged, so the input is reset here.
              event.currentTarget.value = code.peek()
            }}
          />
        </label>
        {canRemember && (
          <label class="inline">
            <input
              type="checkbox"
              name="remember"
              checked={rememberMe}
              onChange={event => (rememberMe.value = event.currentTarget.checked)}
            />
            Remember me in this browser
          </label>
        )}
        <button type="submit" disabled={isSubmitting.value || lockout.remaining.value !== ''}>
          {isSubmitting.value ? 'Signing in…' : 'Sign in'}
        </button>
        <p class="muted hint">
          Lost your phone? <a href="enrol">Use a recovery code</a>
        </p>
      </form>
    </main>
  )
}
