import type { Session } from './session.ts'

// The session of a person who asked this browser to remember it. IndexedDB, and no other place, holds it.

const DATABASE = 'cikit'
const STORE = 'session'
const KEY = 'present'

export const recall = (): Promise<Session | undefined> => ask('readonly', store => store.get(KEY))

export const remember = (session: Session): Promise<unknown> => ask('readwrite', store => store.put(session, KEY))

export const forget = (): Promise<unknown> => ask('readwrite', store => store.delete(KEY))

async function ask<T>(mode: IDBTransactionMode, question: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open()
  try {
    const transaction = database.transaction(STORE, mode)
    const answer = question(transaction.objectStore(STORE))
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve
      transaction.onabort = () => reject(transaction.error)
    })
    return answer.result
  } finally {
    database.close()
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
