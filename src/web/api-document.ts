import type { TagSection } from '../api/openapi/description.ts'
import { createDocument } from '../api/openapi/document.ts'
import { auditTagSection } from '../audit/openapi.ts'
import { enrolmentSection, loginSection, sessionSection } from '../auth/openapi.ts'
import { dropletSection } from '../droplets/openapi.ts'
import { operationSection } from '../droplets/operations/openapi.ts'
import { eventSection } from '../events/openapi.ts'
import { healthSection } from '../monitoring/health/openapi.ts'
import { userSection } from '../users/openapi.ts'
import { sshKeySection } from '../users/ssh-keys/openapi.ts'
import { pageSection } from './openapi.ts'

/** The sections of the document, in the order of the page. */
export const tagSections: readonly TagSection[] = [
  loginSection,
  dropletSection,
  operationSection,
  eventSection,
  userSection,
  sessionSection,
  sshKeySection,
  enrolmentSection,
  auditTagSection,
  healthSection,
  pageSection,
]

/** The OpenAPI document of the whole API. */
export const createApiDocument = () => createDocument(tagSections)
