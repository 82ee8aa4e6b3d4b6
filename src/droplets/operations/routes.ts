import { Elysia } from 'elysia'
import type { Guard } from '../../api/http/guards.ts'
import { withoutIdleTimeout } from '../../api/http/idle-timeout.ts'
import { operationBody, operationList } from './schema.ts'
import type { Operations } from './service.ts'
import { parseOperationFilter, parseWait, toOperationBody } from './to-body.ts'

/** What is being done to the droplets, and was. */
export function createOperationRoutes(guard: Guard, operations: Operations) {
  return new Elysia({ name: 'operation-routes', prefix: '/operation' })
    .use(guard)
    .get('/list', ({ query }) => operations.list(parseOperationFilter(query)).map(toOperationBody), {
      group: 'manager',
      response: { 200: operationList },
    })
    .get(
      '/show/:operation',
      ({ server, request, params, query }) =>
        withoutIdleTimeout(server, request, async () =>
          toOperationBody(await operations.wait(params.operation, parseWait(query), request.signal)),
        ),
      { group: 'manager', response: { 200: operationBody } },
    )
    .delete(
      '/cancel/:operation',
      ({ caller, server, request, params }) =>
        withoutIdleTimeout(server, request, async () =>
          toOperationBody(await operations.cancel(caller.actor, params.operation)),
        ),
      { group: 'manager', response: { 200: operationBody } },
    )
}
