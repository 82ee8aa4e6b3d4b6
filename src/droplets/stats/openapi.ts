import type { RouteDescriptions } from '../../api/openapi/description.ts'
import { historyBody, sampleBody, statsBody, statsSnapshotBody } from './schema.ts'

const memory_limit = 8_326_381_568

export const statsModels = { Sample: sampleBody, DropletStats: statsBody }

export const statsRoutes: RouteDescriptions = {
  'GET /api/v1/droplet/stats/:droplet': {
    summary: 'Get resource usage of the last hour',
    description:
      'Measured every 10 seconds since the start of the server. CPU, network and disk are averages since the previous sample.',
    access: 'viewer',
    responses: {
      200: {
        description: 'Samples, oldest first',
        schema: statsBody,
        example: {
          droplet: 'cikit01',
          interval: 10,
          samples: [
            {
              time: '2026-11-23T16:21:10.000Z',
              cpu: 0.042,
              memory: 48_234_496,
              memory_limit,
              network_in: 1_204,
              network_out: 861,
              disk_read: 0,
              disk_written: 4_096,
              processes: 14,
            },
          ],
        },
      },
    },
    errors: ['engineRefused', 'engineUnavailable'],
  },
  'GET /api/v1/droplet/stats': {
    operationId: 'dropletStatsStream',
    summary: 'Follow resource usage',
    description:
      'Server-sent events: first `history`, with up to five minutes of each droplet, then `stats` every 2 seconds. `end` reports the end of the session.',
    access: 'viewer',
    responses: {
      200: {
        description: 'The stream, until the session ends',
        type: 'text/event-stream',
        schema: { type: 'string' },
        example: `retry: 1000\n\nevent: history\ndata: {"interval":10,"droplets":{}}\n\nevent: stats\ndata: {"time":"2026-11-23T16:21:10.000Z","droplets":{"cikit01":{"cpu":0.042,"memory":48234496,"memory_limit":${memory_limit}}}}\n\n`,
        events: { history: historyBody, stats: statsSnapshotBody, end: { $ref: '#/components/schemas/Error' } },
      },
    },
    errors: ['tooManyStreams'],
  },
}
