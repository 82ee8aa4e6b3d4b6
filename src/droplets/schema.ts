import { t } from 'elysia'
import { requestBody } from '../api/http/fields.ts'

const portBinding = t.Object({
  type: t.String(),
  from: t.Object({ ip: t.String(), port: t.Integer() }),
})

const nullableString = (description: string) => t.Union([t.String(), t.Null()], { description })

const sshBody = t.Object({
  command: t.String({ description: 'Command that opens a shell: ssh -p 2207 root@matrix.example.com' }),
  host_key: nullableString('Public host key, as in known_hosts after the host; null if unknown'),
  fingerprint: nullableString('Fingerprint of the host key, as ssh and ssh-keygen -l show it: SHA256:…'),
})

export const dropletBody = t.Object({
  id: t.String({ description: 'The first 12 characters of the container ID' }),
  name: t.String(),
  created: t.String({ description: 'As in docker ps: 9 minutes ago' }),
  created_at: t.String({ description: 'ISO 8601, UTC' }),
  created_by: nullableString('The user who added it; null if it was not added through this API'),
  status: t.String({ description: 'As in docker ps: Up 8 minutes' }),
  state: t.UnionEnum(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']),
  ports: t.Record(t.String(), portBinding, { description: 'By the port inside the droplet; empty if stopped' }),
  number: t.Integer({ description: 'The two digits of its name' }),
  hostname: t.String(),
  image: t.String({ description: 'Image it was created from' }),
  started_at: nullableString('Time of the last start'),
  stopped_at: nullableString('Time of the last stop; null while running'),
  exit_code: t.Union([t.Integer(), t.Null()], { description: 'Exit code of its init; null while running' }),
  health: t.Union([t.UnionEnum(['booting', 'ready', 'degraded']), t.Null()], {
    description: 'Whether it is usable; null if it is not running or was not checked yet',
  }),
  ssh: t.Union([sshBody, t.Null()], { description: 'null if port 22 is not published' }),
})

export const dropletList = t.Array(dropletBody, { description: 'Newest first' })

export type DropletBody = typeof dropletBody.static
export type DropletList = typeof dropletList.static

export const addDropletRequest = requestBody({
  ssh_keys: t.Optional(
    t.Union([t.String(), t.Array(t.String(), { maxItems: 20 }), t.Null()], {
      description:
        'Public SSH keys to authorize in addition to the droplet’s own and yours (`/user/ssh-keys`), at most 20; one in a form',
      errors: { invalid: ['malformed', 'The "ssh_keys" must be at most 20 public keys'] },
    }),
  ),
})
