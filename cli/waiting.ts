import type { DropletList } from '../src/droplets/model.ts'
import { escapeText } from '../src/log.ts'
import type { OperationBody } from '../src/operations/model.ts'
import { followOperation, requestChange } from './client/change.ts'
import { type Answer, call } from './client/client.ts'
import { askPatiently, realTiming } from './client/patience.ts'
import { untilReady } from './client/readiness.ts'
import type { Api } from './client/server.ts'
import type { SessionFile } from './client/session-file.ts'
import { onInterrupt } from './interrupt.ts'
import { createProgressLine, toWaited, type Waited } from './progress.ts'

/** What asks for a change. */
export type Send = (api: Api, headers: Record<string, string>) => Promise<Answer<unknown>>

/**
 * Waiting for the server, with a line of progress on a terminal, and with Ctrl-C, which ends the waiting and nothing
 * else; until its scope ends.
 * @param quiet without the line
 */
export function createWaiting(file: SessionFile, quiet: boolean) {
  const line = createProgressLine({ terminal: process.stderr, quiet })
  let waited: Waited = { title: '', doing: '' }
  let left = 'The change may have begun: see cikit-api operation ls'
  const interrupt = onInterrupt(() => {
    line[Symbol.dispose]()
    return left
  })
  const list = () => call(file, api => api.droplet.list.get())
  const away = () => line.tell({ title: waited.title, doing: 'the server is away' })
  const tell = (present: Waited) => {
    waited = present
    line.tell(present)
  }

  return {
    /** @returns the operation, which has just begun */
    request: (send: Send): Promise<OperationBody> =>
      requestChange(headers => call<unknown>(file, api => send(api, headers))),

    /** @returns the operation at its end, whatever that is */
    async follow(begun: OperationBody): Promise<OperationBody> {
      left = `The operation goes on; to undo it: cikit-api operation cancel ${escapeText(begun.id)}`
      tell(toWaited(begun))
      if (begun.ended_at !== null) return begun
      const operation = encodeURIComponent(begun.id)
      return await followOperation(
        () => call(file, api => api.operation.show({ operation }).get({ query: { wait: '1' } })),
        present => (present ? tell(toWaited(present)) : away()),
      )
    },

    list: (): Promise<DropletList> => askPatiently(list, away, realTiming),

    /** @returns the list in which that droplet is ready */
    async ready(name: string): Promise<DropletList> {
      left = `${escapeText(name)} is not ready yet: see cikit-api droplet ls`
      const boots = { title: name, doing: 'boots' }
      tell(boots)
      const listed = async () => {
        const droplets = await list()
        tell(boots)
        return droplets
      }
      return await untilReady(name, listed, away)
    },

    [Symbol.dispose](): void {
      interrupt[Symbol.dispose]()
      line[Symbol.dispose]()
    },
  }
}
