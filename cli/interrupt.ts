/** By convention of shells: ended by SIGINT. */
const INTERRUPTED = 130

/**
 * Until the scope ends, Ctrl-C ends the program with 130, after it has said what is left.
 * @param leave gives what is to be said on standard error, if anything
 */
export function onInterrupt(leave: () => string | undefined) {
  const listener = () => {
    const words = leave()
    if (words !== undefined) process.stderr.write(`cikit-api: ${words}\n`)
    process.exit(INTERRUPTED)
  }
  process.on('SIGINT', listener)
  return { [Symbol.dispose]: () => void process.off('SIGINT', listener) }
}
