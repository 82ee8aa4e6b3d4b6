import { Elysia } from 'elysia'
import { createAuditRoutes } from './audit/routes.ts'
import { createAuthRoutes, createEnrolmentRoutes, createSessionRoutes } from './auth/routes.ts'
import type { Context } from './context.ts'
import { createDropletRoutes } from './droplets/routes.ts'
import { createEventRoutes } from './events/routes.ts'
import { createExecRoutes } from './exec/routes.ts'
import { createHealthRoutes } from './health/routes.ts'
import { createErrorHandler } from './http/error-handler.ts'
import { createRequestContext } from './http/exchange.ts'
import { createGuard } from './http/guards.ts'
import { createSshKeyRoutes } from './keyring/routes.ts'
import { createLogRoutes } from './logs/routes.ts'
import { createOperationRoutes } from './operations/routes.ts'
import { createStatsRoutes } from './statistics/routes.ts'
import { createUserRoutes } from './users/routes.ts'
import { createWebRoutes } from './web/routes.ts'

/** For typed clients. */
export type App = ReturnType<typeof createApp>

/** The API as a function of its context: a request's way is exchange, guard, route, service, and back. */
export function createApp(context: Context) {
  const guard = createGuard(context.auth)
  return new Elysia({ name: 'cikit-api' })
    .use(createRequestContext(context.log, context.config.listen, context.metrics?.observeRequest))
    .use(createErrorHandler(context.log, context.audit))
    .use(guard)
    .use(createWebRoutes(guard))
    .use(createHealthRoutes(guard, context.serverHealth))
    .group('/api/v1', api =>
      api
        .use(createAuthRoutes(guard, context.auth, context.users))
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
}
