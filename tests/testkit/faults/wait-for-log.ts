import { expect } from 'bun:test'
import { pollUntil } from '../../../scripts/lib/run.ts'
import type { ServerProcess } from '../e2e/server-process.ts'

const TIMEOUT_MS = 5_000

/** Waits until the server has logged a message. */
export async function waitForLog(server: ServerProcess, text: string): Promise<void> {
  const isLogged = () => server.log.some(({ message }) => message === text)
  expect({ text, isLogged: await pollUntil(TIMEOUT_MS, isLogged) }).toEqual({ text, isLogged: true })
}
