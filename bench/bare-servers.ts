import { join } from 'node:path'
import { run } from '../scripts/lib/run.ts'
import { tempDir } from '../tests/testkit/temp-dir.ts'

const insertProgram = join(import.meta.dir, 'bare-insert.ts')

/** A server that only sends these bytes. */
export function startBareServer(body: string) {
  return startOnPort(join(import.meta.dir, 'bare-server.ts'), [], new Blob([body]))
}

/** A server that only makes one durable insert per request. */
export async function startBareInsertServer() {
  const dir = tempDir()
  const server = await startOnPort(insertProgram, [join(dir.path, 'bare.db')])
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      dir[Symbol.dispose]()
    },
  }
}

/** Durable inserts per second of a process that does nothing else for `ms` milliseconds. */
export async function insertsPerSecond(ms: number): Promise<number> {
  using dir = tempDir()
  return Number(await run([process.execPath, insertProgram, join(dir.path, 'bare.db'), String(ms)]))
}

async function startOnPort(program: string, args: string[], stdin: Blob | 'ignore' = 'ignore') {
  const child = Bun.spawn([process.execPath, program, ...args], { stdin, stdout: 'pipe' })
  const { value } = await child.stdout.getReader().read()
  return {
    url: `http://127.0.0.1:${Number(new TextDecoder().decode(value))}/`,
    async [Symbol.asyncDispose]() {
      child.kill()
      await child.exited
    },
  }
}
