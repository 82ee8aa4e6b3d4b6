import './sign-in.css'
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { errorMessage } from '../../../core/error-message.ts'
import { ResponseError } from '../api/http.ts'
import { canRemember, signIn, signOutReason } from '../api/session.ts'
import { Icon } from '../components/icon.tsx'
import { extractCode } from './code.ts'
import { createCountdown } from './countdown.ts'

const CODE_DIGITS = 6

/** Asks for a name and the code that the phone shows. */
export function SignIn() {
  const username = useSignal('')
  const code = useSignal('')
  const rememberMe = useSignal(false)
  const errorText = useSignal(signOutReason.peek() ?? '')
  const isSubmitting = useSignal(false)
  const lockout = useRef(createCountdown()).current
  const codeInput = useRef<HTMLInputElement>(null)
  const rejectedCode = useRef('')
  const message = useComputed(() =>
    lockout.remaining.value ? `Locked: try again in ${lockout.remaining.value}.` : errorText.value,
  )
  useSignalEffect(() => lockout.stop)

  const submit = async () => {
    if (isSubmitting.peek() || lockout.remaining.peek()) return
    if (username.peek() === '' || code.peek().length !== CODE_DIGITS) {
      errorText.value = 'Both your name and the six digits are needed.'
      return
    }
    isSubmitting.value = true
    errorText.value = ''
    try {
      await signIn(username.peek().trim(), code.peek(), rememberMe.peek())
    } catch (error) {
      rejectedCode.current = code.peek()
      code.value = ''
      if (error instanceof ResponseError && error.retryAfterSeconds) lockout.start(error.retryAfterSeconds)
      errorText.value = errorMessage(error)
      isSubmitting.value = false
      codeInput.current?.focus()
    }
  }

  const onCodeInput = (text: string) => {
    const previous = code.peek()
    code.value = extractCode(text)
    // By itself once it is whole, but not the same refused code again.
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
              checked={rememberMe}
              onChange={event => (rememberMe.value = event.currentTarget.checked)}
            />
            Remember me in this browser
          </label>
        )}
        <button type="submit" disabled={isSubmitting.value || lockout.remaining.value !== ''}>
          {isSubmitting.value ? 'Signing in…' : 'Sign in'}
        </button>
        <p class="soft hint">
          Lost your phone? <a href="enrol">Use a recovery code</a>
        </p>
      </form>
    </main>
  )
}
