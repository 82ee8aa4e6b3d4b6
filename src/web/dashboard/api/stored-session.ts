/** The session of the signed-in user. */
export interface Session {
  username: string
  accessToken: string
  refreshToken: string
  /** Milliseconds since 1970, by this computer's clock. */
  accessExpiresAt: number
}

// A session that the user asked this browser to remember. It is stored in IndexedDB only.

const DATABASE = 'cikit'
const STORE = 'session'
const KEY = 'present'

export const loadSession = (): Promise<Session | undefined> => withStore('readonly', store => store.get(KEY))

export const saveSession = (session: Session): Promise<unknown> =>
  withStore('readwrite', store => store.put(session, KEY))

export const clearSession = (): Promise<unknown> => withStore('readwrite', store => store.delete(KEY))

async function withStore<T>(
  mode: IDBTransactionMode,
  createRequest: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const database = await openDatabase()
  try {
    const transaction = database.transaction(STORE, mode)
    const request = createRequest(transaction.objectStore(STORE))
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve
      transaction.onabort = () => reject(transaction.error)
    })
    return request.result
  } finally {
    database.close()
  }
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
