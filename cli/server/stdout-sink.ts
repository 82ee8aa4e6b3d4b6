/**
 * Lines to standard output, written together once per turn of the event loop: a system call for each line would cost
 * more than answering the request it tells of.
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
