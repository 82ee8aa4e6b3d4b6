import { expect, test } from 'bun:test'
import { createTestApi } from '../../testkit/api/test-api.ts'
import { createFakeProgram } from '../../testkit/droplets/fake-program.ts'

test('a terminal that is open at shutdown is recorded as ended, not interrupted', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  await api.call('POST', '/droplet/add', { token })
  const { body } = await api.call('POST', '/droplet/ticket/cikit01', { token })
  api.memoryEngine.programs.push(() => createFakeProgram().execution)
  const protocols = `cikit.exec.v1, ticket.${Reflect.get(Object(body), 'ticket')}`
  const headers = { host: 'localhost', upgrade: 'websocket', 'sec-websocket-protocol': protocols }
  await api.app.handle(new Request('http://localhost/api/v1/droplet/exec/cikit01', { headers }))
  await api.restart()
  await api.context.audit.recordInterrupted()
  const records = api.context.audit.records({ action: 'droplet.exec' }).toReversed()
  expect(records.map(({ action, result }) => [action, result])).toEqual([
    ['droplet.exec', 'ok'],
    ['droplet.exec.end', 'ok'],
  ])
})
