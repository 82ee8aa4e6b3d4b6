import type { TagSection } from '../../api/openapi/description.ts'
import { operationBody, operationList, operationListQuery, operationQuery } from './schema.ts'

const example = {
  id: '2f0c9c0e-6d0e-4a51-8f9b-9f1f9a4d5c11',
  kind: 'add',
  droplet: 'cikit02',
  user: 'owner',
  state: 'running',
  created_at: '2026-11-23T16:21:07.114Z',
  started_at: '2026-11-23T16:21:07.115Z',
  ended_at: null,
  cancellable: true,
  steps: [{ name: 'image', started_at: '2026-11-23T16:21:07.115Z', ended_at: null }],
  progress: { text: 'Step 4/9 : RUN apt-get update', done: 4, total: 9 },
  error: null,
}
const endedExample = {
  ...example,
  state: 'done',
  ended_at: '2026-11-23T16:21:07.482Z',
  cancellable: false,
  steps: [
    { name: 'image', started_at: '2026-11-23T16:21:07.115Z', ended_at: '2026-11-23T16:21:07.121Z' },
    { name: 'create', started_at: '2026-11-23T16:21:07.121Z', ended_at: '2026-11-23T16:21:07.190Z' },
    { name: 'start', started_at: '2026-11-23T16:21:07.190Z', ended_at: '2026-11-23T16:21:07.482Z' },
  ],
  progress: null,
}

/** The response to a change with `Prefer: respond-async`. */
export const acceptedResponse = {
  description: 'The running operation, for a request with `Prefer: respond-async`',
  schema: operationBody,
  example,
  headers: ['Location', 'Preference-Applied'] as const,
}

export const operationSection: TagSection = {
  name: 'Operations',
  description:
    'Each change of a droplet is an operation. It completes even if the client disconnects. The steps of an add are `image`, `create` and `start`, those of a deletion `stop` and `remove`; a rollback is `undo`. Operations are retained for 7 days after their end.',
  models: { Operation: operationBody, OperationList: operationList },
  routes: {
    'GET /api/v1/operation/list': {
      summary: 'List operations',
      access: 'manager',
      query: operationListQuery,
      responses: { 200: { description: 'Newest first', schema: operationList, example: [endedExample] } },
      errors: ['operationNotFound'],
    },
    'GET /api/v1/operation/show/:operation': {
      summary: 'Get an operation, optionally waiting for its end',
      access: 'manager',
      query: operationQuery,
      responses: { 200: { description: 'The operation', schema: operationBody, example: endedExample } },
      errors: ['operationNotFound'],
    },
    'DELETE /api/v1/operation/cancel/:operation': {
      summary: 'Cancel an operation',
      description:
        'Rolls back an unfinished add; cancels any other change that is still queued. Responds when the rollback is complete; repeating the request returns the same.',
      access: 'manager',
      responses: {
        200: {
          description: 'The cancelled operation',
          schema: operationBody,
          example: {
            ...endedExample,
            state: 'cancelled',
            error: { error: 'The operation was cancelled', errorId: 932 },
          },
        },
      },
      errors: ['operationNotFound', 'operationNotCancellable', 'engineUnavailable'],
    },
  },
}
