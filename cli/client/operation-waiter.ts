import { escapeText } from '../../src/core/log.ts'
import type { OperationBody } from '../../src/droplets/operations/schema.ts'
import type { DropletList } from '../../src/droplets/schema.ts'
import { onInterrupt } from '../shared/interrupts.ts'
import { createProgressLine, type ProgressStatus, toProgressStatus } from '../shared/progress.ts'
import type { ApiClient } from './api/api-client.ts'
import { requestChange, waitForOperation } from './api/operations.ts'
import { waitUntilReady } from './api/readiness.ts'
import { realTiming, retryWhileUnreachable } from './api/retry.ts'
import { call, type EdenResult } from './api/session.ts'
import type { SessionFile } from './api/session-file.ts'

export type SendRequest = (api: ApiClient, headers: Record<string, string>) => Promise<EdenResult<unknown>>

/**
 * Waits for operations with a progress line, until its scope ends. Ctrl-C ends the waiting, not the operation.
 * @param quiet omits the progress line
 */
export function createOperationWaiter(file: SessionFile, quiet: boolean) {
  const line = createProgressLine({ terminal: process.stderr, quiet })
  let status: ProgressStatus = { title: '', stage: '' }
  let interruptMessage = 'The operation may have started: see cikit-api operation ls'
  const interrupt = onInterrupt(() => {
    line[Symbol.dispose]()
    return interruptMessage
  })
  const fetchDroplets = () => call(file, api => api.droplet.list.get())
  const showUnreachable = () => line.update({ title: status.title, stage: 'server unreachable, retrying' })
  const showStatus = (newStatus: ProgressStatus) => {
    status = newStatus
    line.update(newStatus)
  }

  return {
    /** @returns the started operation */
    request: (send: SendRequest): Promise<OperationBody> =>
      requestChange(headers => call<unknown>(file, api => send(api, headers))),

    /** @returns the finished operation, successful or not */
    async waitForEnd(started: OperationBody): Promise<OperationBody> {
      interruptMessage = `The operation continues; to cancel it: cikit-api operation cancel ${escapeText(started.id)}`
      showStatus(toProgressStatus(started))
      if (started.ended_at !== null) return started
      const operation = encodeURIComponent(started.id)
      return await waitForOperation(
        () => call(file, api => api.operation.show({ operation }).get({ query: { wait: '1' } })),
        current => (current ? showStatus(toProgressStatus(current)) : showUnreachable()),
      )
    },

    list: (): Promise<DropletList> => retryWhileUnreachable(fetchDroplets, showUnreachable, realTiming),

    /** @returns the droplets, once this one is ready */
    async waitUntilReady(name: string): Promise<DropletList> {
      interruptMessage = `${escapeText(name)} is not ready yet: see cikit-api droplet ls`
      const bootingStatus = { title: name, stage: 'booting' }
      showStatus(bootingStatus)
      const fetchAndShow = async () => {
        const droplets = await fetchDroplets()
        showStatus(bootingStatus)
        return droplets
      }
      return await waitUntilReady(name, fetchAndShow, showUnreachable)
    },

    [Symbol.dispose](): void {
      interrupt[Symbol.dispose]()
      line[Symbol.dispose]()
    },
  }
}
