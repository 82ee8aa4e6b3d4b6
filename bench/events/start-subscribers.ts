import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

/** Readers of the event stream in a process of their own, see `readers.ts`; all of them read when it is there. */
export async function startSubscribers(options: { url: string; token: string; count: number; name: string }) {
  const { url, token, count, name } = options
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'subscribers.ts'), url, String(count), name], {
    stdin: 'pipe',
    stdout: 'pipe',
  })
  const lines = createInterface({ input: Readable.fromWeb(child.stdout) })[Symbol.asyncIterator]()
  const writeLine = async (line: string) => {
    child.stdin.write(`${line}\n`)
    await child.stdin.flush()
  }
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the readers of the event stream have ended')
    return value
  }
  await writeLine(token)
  await nextLine()
  return {
    /** From now on, what they hear is noted. */
    async listen(): Promise<void> {
      await writeLine('listen')
      await nextLine()
    },
    /** @returns when each of them heard of the stop, in ms since 1970; who did not within 5 s is missing */
    receivedTimes: async (): Promise<number[]> => JSON.parse(await nextLine()),
    async [Symbol.asyncDispose]() {
      child.kill()
      await child.exited
    },
  }
}
