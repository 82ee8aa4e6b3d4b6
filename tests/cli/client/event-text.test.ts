import { expect, test } from 'bun:test'
import { toEventText } from '../../../cli/client/event-text.ts'
import { dropletBody } from '../../testkit/droplets/droplet-body.ts'
import { doneBody, operationBody } from '../../testkit/droplets/operation-body.ts'

const receivedAt = new Date(2026, 10, 23, 16, 21, 7)
const droplet = dropletBody({ name: 'cikit05', status: 'Up 3 seconds' })
const { health: _, ...legacyDroplet } = droplet
const steps = ['image', 'create'].map(name => ({ name, started_at: '2026-11-23T16:21:07.115Z', ended_at: null }))

test.each<[string, unknown, string]>([
  ['begin', {}, 'connected'],
  ['reset', {}, 'connected; events were missed: see cikit-api droplet ls'],
  ['droplet', { change: 'changed', droplet }, 'cikit05 changed: Up 3 seconds, ready'],
  ['droplet', { change: 'added', droplet: legacyDroplet }, 'cikit05 added: Up 3 seconds'],
  ['droplet', { change: 'changed', droplet: { ...droplet, health: null } }, 'cikit05 changed: Up 3 seconds'],
  ['droplet', { change: 'removed', droplet }, 'cikit05 removed'],
  ['operation', operationBody({ steps }), 'add cikit02: running, create'],
  ['operation', operationBody({ state: 'queued', droplet: null }), 'add: queued'],
  [
    'operation',
    operationBody({ steps, progress: { text: 'Step 3/9', done: 2, total: 9 } }),
    'add cikit02: running, create, Step 3/9',
  ],
  ['operation', doneBody({ kind: 'stop', steps }), 'stop cikit02: done'],
  ['operation', doneBody({ state: 'failed', error: { error: 'No way', errorId: 924 } }), 'add cikit02: failed: No way'],
  ['user', { change: 'added', user: { username: 'ann', group: 'viewer' } }, 'user ann added: viewer'],
  ['user', { change: 'removed', user: { username: 'ann', group: 'viewer' } }, 'user ann removed'],
  ['engine', { state: 'away' }, 'the engine is away'],
  ['end', { error: 'Unknown access token', errorId: 908 }, 'stream ended: Unknown access token'],
  ['later', { some: 'thing' }, 'later: {\\"some\\":\\"thing\\"}'],
  ['constructor', {}, 'constructor: {}'],
  ['droplet', ['x'], 'droplet: [\\"x\\"]'],
  ['engine', { state: '\x1b[2J\n16:21:08 forged' }, 'the engine is \\u001b[2J\\n16:21:08 forged'],
])('%s %j', (event, data, text) => {
  expect(toEventText({ id: '1', event, data: JSON.stringify(data) }, receivedAt)).toBe(`16:21:07 ${text}`)
})

test('shows data that is not JSON unchanged, on one line', () => {
  expect(toEventText({ id: '', event: 'droplet', data: 'a\nb' }, receivedAt)).toBe('16:21:07 droplet: a\\nb')
})
