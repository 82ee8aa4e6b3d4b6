import { Elysia } from 'elysia'
import type { Guard } from '../api/http/guards.ts'
import { parseAuditFilter, toAuditList } from './model.ts'
import { auditList, auditQuery } from './schema.ts'
import type { Audit } from './service.ts'

/** The audit log, for the owner. */
export function createAuditRoutes(guard: Guard, audit: Audit) {
  return new Elysia({ name: 'audit-routes', prefix: '/audit' })
    .use(guard)
    .get('/list', async ({ query }) => toAuditList(await audit.list(parseAuditFilter(query))), {
      group: 'owner',
      query: auditQuery,
      response: { 200: auditList },
    })
}
