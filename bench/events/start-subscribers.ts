import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

/** Starts event stream subscribers in a process of their own (`subscribers.ts`). Resolves when all are subscribed. */
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
    if (done) throw new Error('the process of the event stream subscribers has exited')
    return value
  }
  await writeLine(token)
  await nextLine()
  return {
    /** Starts recording. */
    async listen(): Promise<void> {
      await writeLine('listen')
      await nextLine()
    },
    /** @returns when each subscriber received the stop, in ms since 1970, without those that did not within 5 s */
    receivedTimes: async (): Promise<number[]> => JSON.parse(await nextLine()),
    async [Symbol.asyncDispose]() {
      child.kill()
      await child.exited
    },
  }
}
