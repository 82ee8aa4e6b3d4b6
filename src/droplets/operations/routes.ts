import { Elysia } from 'elysia'
import { emptyBody } from '../../api/http/fields.ts'
import type { Guard } from '../../api/http/guards.ts'
import { withoutIdleTimeout } from '../../api/http/idle-timeout.ts'
import { operationBody, operationList, operationListQuery, operationQuery } from './schema.ts'
import type { Operations } from './service.ts'
import { toOperationBody, toOperationFilter } from './to-body.ts'

/** Current and past changes of droplets. */
export function createOperationRoutes(guard: Guard, operations: Operations) {
  return new Elysia({ name: 'operation-routes', prefix: '/operation' })
    .use(guard)
    .get('/list', ({ query }) => operations.list(toOperationFilter(query)).map(toOperationBody), {
      group: 'manager',
      query: operationListQuery,
      response: { 200: operationList },
    })
    .get(
      '/show/:operation',
      ({ server, request, params, query }) =>
        withoutIdleTimeout(server, request, async () => {
          const waitMs = Number(query.wait ?? 0) * 1000
          return toOperationBody(await operations.wait(params.operation, waitMs, request.signal))
        }),
      { group: 'manager', query: operationQuery, response: { 200: operationBody } },
    )
    .delete(
      '/cancel/:operation',
      ({ actor, server, request, params }) =>
        withoutIdleTimeout(server, request, async () =>
          toOperationBody(await operations.cancel(actor, params.operation)),
        ),
      { group: 'manager', body: emptyBody, response: { 200: operationBody } },
    )
}
