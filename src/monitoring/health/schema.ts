import { t } from 'elysia'

export const serverHealthBody = t.Object(
  {
    status: t.UnionEnum(['ok', 'degraded', 'failed'], {
      description: 'degraded: it serves, and not all of it works; failed: it cannot serve',
    }),
    engine: t.UnionEnum(['ok', 'away'], {
      description: 'away: not heard of for a second; droplets cannot be listed nor changed',
    }),
    store: t.UnionEnum(['ok', 'read-only', 'unusable'], {
      description:
        'read-only: the last write failed (a full disk, say), and with it logins and changes do; unusable: nor can it be read',
    }),
  },
  { description: 'How the server is, true to the second' },
)
