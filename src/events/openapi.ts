import type { Schema, TagSection } from '../api/openapi/description.ts'
import { operationBody } from '../droplets/operations/schema.ts'
import { dropletBody } from '../droplets/schema.ts'
import { userBody } from '../users/schema.ts'

const emptyObject = { type: 'object', properties: {} }
const changeSchema = (name: string, body: Schema) => ({
  type: 'object',
  required: ['change', name],
  properties: { change: { type: 'string', enum: ['added', 'changed', 'removed'] }, [name]: body },
})
const droplet = changeSchema('droplet', dropletBody)
const user = changeSchema('user', userBody)
const engine = {
  type: 'object',
  required: ['state'],
  properties: { state: { type: 'string', enum: ['away', 'back'] } },
}
const me = {
  type: 'object',
  required: ['username', 'group'],
  properties: { username: userBody.properties.username, group: userBody.properties.group },
}
const audit = {
  type: 'object',
  required: ['last'],
  properties: { last: { type: 'integer', description: 'ID of the newest record' } },
}
const end = {
  type: 'object',
  required: ['error', 'errorId'],
  properties: { error: { type: 'string' }, errorId: { type: 'integer' } },
}

export const eventSection: TagSection = {
  name: 'Events',
  description: 'Changes to everything that your group can list, as they happen.',
  models: { DropletEvent: droplet, EngineEvent: engine, UserEvent: user, MeEvent: me },
  routes: {
    'GET /api/v1/event/stream': {
      summary: 'Follow events',
      description: [
        'Server-sent events. All groups receive `droplet` and `engine`, managers also `operation`, and the owner also `user` and `audit` (new audit records exist). `begin` marks the start of the stream: load the lists after it and no change is missed. After `reset`, load them again. `me` reports that your group has changed: load what the new group may see. `end` reports the end of the session.',
        'A stream lasts as long as its session, longer than the two hours of the access token. Streams of clients that stop reading are dropped.',
      ].join('\n\n'),
      access: 'viewer',
      headers: {
        'Last-Event-ID': {
          description:
            'ID of the last event received; events missed since then are sent if they are among the last 1,000',
          schema: { type: 'string' },
          example: '5f0c2a9be113-41',
        },
      },
      responses: {
        200: {
          description: 'The stream, until the session ends',
          type: 'text/event-stream',
          schema: { type: 'string' },
          example:
            'retry: 1000\n\nid: 5f0c2a9be113-41\nevent: begin\ndata: {}\n\nid: 5f0c2a9be113-42\nevent: engine\ndata: {"state":"away"}\n\n',
          events: {
            droplet,
            engine,
            operation: operationBody,
            user,
            me,
            audit,
            begin: emptyObject,
            reset: emptyObject,
            end,
          },
        },
      },
      errors: ['tooManyStreams'],
    },
  },
}
