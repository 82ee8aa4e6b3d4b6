/** By convention of shells: ended by SIGINT. */
const SIGINT_EXIT_CODE = 130

/**
 * Until the scope ends, Ctrl-C ends the program with 130, after it has said what is left.
 * @param finalMessage gives what is to be said on standard error, if anything
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
