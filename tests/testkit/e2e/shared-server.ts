import { afterAll, afterEach, beforeAll, expect } from 'bun:test'
import { type CreatedUser, type ServerProcess, startServerProcess } from './server-process.ts'

/**
 * Starts one server with a logged-in owner for all tests of a file. After each test it must still serve, without errors
 * in its log and without new users.
 * @param onStart receives the server and the owner's token before the first test
 */
export function useSharedServer(onStart: (server: ServerProcess, token: string) => void): void {
  let server: ServerProcess
  let token: string

  beforeAll(async () => {
    server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
    token = await server.logInAs('owner')
    onStart(server, token)
  })
  afterAll(() => server[Symbol.asyncDispose]())

  afterEach(async () => {
    const { status, body } = await server.call('GET', '/user/list', token)
    expect(status).toBe(200)
    expect((body as CreatedUser[]).map(({ username }) => username)).toEqual(['owner'])
    expect(server.log.filter(({ level }) => level === 'error')).toEqual([])
  })
}
