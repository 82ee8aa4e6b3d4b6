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
  properties: { last: { type: 'integer', description: 'The id of the newest record' } },
}
const end = {
  type: 'object',
  required: ['error', 'errorId'],
  properties: { error: { type: 'string' }, errorId: { type: 'integer' } },
}

/** What the document says of the stream of events. */
export const eventSection: TagSection = {
  name: 'Events',
  description: 'Whatever a list would show to your group, at the moment in which it changes, whoever changed it.',
  models: { DropletEvent: droplet, EngineEvent: engine, UserEvent: user, MeEvent: me },
  routes: {
    'GET /api/v1/event/stream': {
      summary: 'Follow what happens',
      description: [
        'Server-sent events. `droplet` and `engine` are for all, `operation` is for managers, `user` and `audit` (there are new records, up to this one) for the owner. `begin` says that the stream begins here: read the lists now, and nothing is missed. After `reset` read them anew. `me` says that you are in another group from now on: read anew what that one may see. `end` is the end of the session.',
        'A stream lives as long as its session, beyond the two hours of the access token. Who does not read is dropped.',
      ].join('\n\n'),
      access: 'viewer',
      headers: {
        'Last-Event-ID': {
          description: 'The last id that was seen: what was missed is told, as long as it is among the last 1,000',
          schema: { type: 'string' },
          example: '5f0c2a9be113-41',
        },
      },
      responses: {
        200: {
          description: 'The stream, which ends with the session',
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
