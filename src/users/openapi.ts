import type { TagSection } from '../api/openapi/description.ts'
import { okResponse } from '../api/openapi/ok-response.ts'
import { newGroupRequest, newUserRequest, userBody, userList } from './schema.ts'

const userListResponse = {
  description: 'The users, oldest first',
  schema: userList,
  example: [
    {
      id: '9bef26d7-a7d3-4c2f-9642-e8a398bfbad2',
      username: 'owner',
      group: 'owner',
      created: '2026-11-23T13:39:09.159Z',
    },
    {
      id: '0d9d3c2e-5c0f-4b7e-8c11-3c1c6f0f7e55',
      username: 'ann',
      group: 'manager',
      created: '2026-11-23T13:41:10.002Z',
    },
  ],
}

export const userSection: TagSection = {
  name: 'Users',
  description:
    'User management, for the owner. Viewers see droplets, managers also change them, and the one owner also manages users.',
  models: { User: userBody, UserList: userList },
  routes: {
    'GET /api/v1/user/list': { summary: 'List the users', access: 'owner', responses: { 200: userListResponse } },
    'POST /api/v1/user/add': {
      summary: 'Add a user',
      description: 'Get the secret with `GET /api/v1/user/auth/setup/NAME`, or create an enrolment link.',
      access: 'owner',
      request: {
        schema: newUserRequest,
        example: { username: 'ann', group: 'manager' },
      },
      responses: { 200: userListResponse },
      errors: ['userFieldsMissing', 'groupUnknown', 'usernameTaken', 'ownerExists'],
    },
    'PATCH /api/v1/user/group/:user': {
      summary: 'Change a user’s group',
      description:
        'Sessions continue with the new permissions from the next request on. Ownership is transferred on the host.',
      access: 'owner',
      request: {
        schema: newGroupRequest,
        example: { group: 'manager' },
      },
      responses: { 200: userListResponse },
      errors: ['userNotFound', 'userFieldsMissing', 'groupUnknown', 'ownerExists'],
    },
    'PATCH /api/v1/user/unlock/:user': {
      summary: "Unlock a user's login",
      access: 'owner',
      responses: { 200: okResponse },
      errors: ['userNotFound'],
    },
    'DELETE /api/v1/user/delete/:user': {
      summary: 'Delete a user',
      description: 'Ends the user’s sessions.',
      access: 'owner',
      responses: { 200: userListResponse },
      errors: ['userNotFound', 'ownerUndeletable'],
    },
  },
}
