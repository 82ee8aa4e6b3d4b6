import { afterAll, afterEach, beforeAll, expect } from 'bun:test'
import { type Enrolment, type Matrix, startMatrix } from './matrix.ts'

/**
 * A matrix for all tests of a file, with an owner who is logged in. After each of them it serves on, complains of
 * nothing, and nobody was made.
 * @param started is told of both before the first test
 */
export function serveUntouched(started: (matrix: Matrix, token: string) => void): void {
  let matrix: Matrix
  let token: string

  beforeAll(async () => {
    matrix = await startMatrix({ socket: '/nonexistent/docker.sock' })
    token = await matrix.signIn('owner')
    started(matrix, token)
  })
  afterAll(() => matrix[Symbol.asyncDispose]())

  afterEach(async () => {
    const { status, body } = await matrix.call('GET', '/user/list', token)
    expect(status).toBe(200)
    expect((body as Enrolment[]).map(({ username }) => username)).toEqual(['owner'])
    expect(matrix.log.filter(({ level }) => level === 'error')).toEqual([])
  })
}
