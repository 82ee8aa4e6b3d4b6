import { expect, test } from 'bun:test'
import { runProgram } from '../../../cli/shared/run-program.ts'

test('runs a program without a shell and waits for its end', async () => {
  expect(await runProgram(['printf', '%s|%s', '$(id) *', 'b'])).toEqual({ code: 0, stdout: '$(id) *|b', stderr: '' })
})

test('returns the exit code and standard error', async () => {
  const result = await runProgram(['ls', '/no/such/file'])
  expect(result.code).toBe(2)
  expect(result.stderr).toContain('/no/such/file')
})

test('gives the program empty standard input', async () => {
  expect(await runProgram(['cat'])).toEqual({ code: 0, stdout: '', stderr: '' })
})

test('names a program that is not installed', async () => {
  await expect(runProgram(['no-such-program'])).rejects.toThrow('no-such-program was not found on this host')
})
