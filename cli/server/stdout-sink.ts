/**
 * Writes lines to standard output, batched once per turn of the event loop: a system call per line would cost more than
 * the request it logs.
 */
export function createStdoutSink() {
  const writer = Bun.stdout.writer()
  let scheduled = false

  const flush = async () => {
    scheduled = false
    await writer.flush()
  }
  return {
    write(line: string): void {
      writer.write(line)
      if (scheduled) return
      scheduled = true
      setImmediate(flush)
    },
    flush,
  }
}
