import { type ReadonlySignal, signal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { errorMessage } from '../../../core/error-message.ts'

/** Data fetched from the server, with its loading and error state. */
export interface Resource<T> {
  /** Undefined until the first load succeeds. */
  data: ReadonlySignal<T | undefined>
  errorText: ReadonlySignal<string | undefined>
  load: () => Promise<void>
  /** Replaces the data, for instance with the response to a change. */
  setData: (data: T) => void
}

/**
 * Loads on mount and whenever `version` changes.
 * @param fetchData fixed at mount: give the component a `key` to load something else
 */
export function useResource<T>(fetchData: () => Promise<T>, version = 0): Resource<T> {
  const [resource] = useState(() => createResource(fetchData))
  useEffect(() => void resource.load(), [resource, version])
  return resource
}

/** If two loads overlap, only the result of the later one is used. */
function createResource<T>(fetchData: () => Promise<T>): Resource<T> {
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
