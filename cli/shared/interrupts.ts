/** The shells' convention for a program ended by SIGINT. */
const SIGINT_EXIT_CODE = 130

/**
 * Until the scope ends, Ctrl-C prints a last message on standard error and exits with 130.
 * @param finalMessage returns the message, or undefined for none
 */
export function onInterrupt(finalMessage: () => string | undefined) {
  const listener = () => {
    const message = finalMessage()
    if (message !== undefined) process.stderr.write(`cikit-api: ${message}\n`)
    process.exit(SIGINT_EXIT_CODE)
  }
  process.on('SIGINT', listener)
  return { [Symbol.dispose]: () => void process.off('SIGINT', listener) }
}
