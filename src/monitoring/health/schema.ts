import { t } from 'elysia'

export const serverHealthBody = t.Object(
  {
    status: t.UnionEnum(['ok', 'degraded', 'failed'], {
      description: 'degraded: works partially; failed: does not work',
    }),
    engine: t.UnionEnum(['ok', 'away'], {
      description: 'away: no response for a second; droplets can be neither listed nor changed',
    }),
    store: t.UnionEnum(['ok', 'read-only', 'unusable'], {
      description:
        'read-only: the last write failed (for example, the disk is full), so logins and changes fail; unusable: reads fail as well',
    }),
  },
  { description: 'Health of the server, at most a second old' },
)
