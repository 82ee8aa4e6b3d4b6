import { type ReadonlySignal, signal } from '@preact/signals'
import { errorMessage } from '../../../core/error-message.ts'

/** Something that is read from the server when it is asked for, and anew at any time. */
export interface Resource<T> {
  /** Undefined until it is there. */
  data: ReadonlySignal<T | undefined>
  errorText: ReadonlySignal<string | undefined>
  load: () => Promise<void>
  /** What an answer to something else told. */
  setData: (data: T) => void
}

/** Of two readings that overlap the later one counts. */
export function createResource<T>(fetchData: () => Promise<T>): Resource<T> {
  const data = signal<T | undefined>(undefined)
  const errorText = signal<string | undefined>(undefined)
  let latestRequest = 0
  return {
    data,
    errorText,
    async load() {
      latestRequest += 1
      const currentRequest = latestRequest
      try {
        const result = await fetchData()
        if (currentRequest !== latestRequest) return
        data.value = result
        errorText.value = undefined
      } catch (error) {
        if (currentRequest === latestRequest) errorText.value = errorMessage(error)
      }
    },
    setData(newData) {
      latestRequest += 1
      data.value = newData
      errorText.value = undefined
    },
  }
}
