import { Elysia } from 'elysia'
import { createErrorHandler } from './api/http/error-handler.ts'
import { createGuard } from './api/http/guards.ts'
import { createRequestContext } from './api/http/request-context.ts'
import { createAuditRoutes } from './audit/routes.ts'
import { createAuthRoutes, createEnrolmentRoutes, createSessionRoutes } from './auth/routes.ts'
import type { Context } from './context.ts'
import { createExecRoutes } from './droplets/exec/routes.ts'
import { createLogRoutes } from './droplets/logs/routes.ts'
import { createOperationRoutes } from './droplets/operations/routes.ts'
import { createDropletRoutes } from './droplets/routes.ts'
import { createStatsRoutes } from './droplets/stats/routes.ts'
import { createEventRoutes } from './events/routes.ts'
import { createHealthRoutes } from './monitoring/health/routes.ts'
import { createUserRoutes } from './users/routes.ts'
import { createSshKeyRoutes } from './users/ssh-keys/routes.ts'
import { createWebRoutes } from './web/routes.ts'

/** The API's type, for typed clients. */
export type App = ReturnType<typeof createApp>

/** A request passes through the request context, the guard and its route. */
export function createApp(context: Context) {
  const guard = createGuard(context.auth)
  return (
    new Elysia({ name: 'cikit-api' })
      .use(createRequestContext(context.log, context.config.listen, context.metrics?.observeRequest))
      .use(createErrorHandler(context.log, context.audit))
      .use(guard)
      .use(createWebRoutes(guard))
      .use(createHealthRoutes(guard, context.serverHealth))
      // Not a group, which would register the guard's request hook once more.
      .use(
        new Elysia({ name: 'api-routes', prefix: '/api/v1' })
          .use(createAuthRoutes(guard, context.auth))
          .use(createEnrolmentRoutes(guard, context.enrolment, context.config.publicUrl))
          .use(createSessionRoutes(guard, context.auth))
          .use(createSshKeyRoutes(guard, context.sshKeys))
          .use(createUserRoutes(guard, context.users, context.events.poll))
          .use(createAuditRoutes(guard, context.audit))
          .use(createDropletRoutes(guard, context))
          .use(createStatsRoutes(guard, context))
          .use(createLogRoutes(guard, context))
          .use(createExecRoutes(guard, context))
          .use(createOperationRoutes(guard, context.operations))
          .use(createEventRoutes(guard, context.auth, context.events)),
      )
  )
}
