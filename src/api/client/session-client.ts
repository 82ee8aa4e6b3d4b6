interface AccessGrant {
  accessToken: string
  /** Milliseconds since 1970, by this computer's clock. */
  accessExpiresAt: number
}

/** Storage and renewal of a client's session. */
export interface SessionStore<S extends AccessGrant> {
  /** @throws if there is no session */
  current: () => S
  /** The session as another process or tab may have renewed it. Called with the lock held. */
  reload: () => S | Promise<S>
  /** Exchanges the refresh token and stores the new session. Called with the lock held. */
  renew: (session: S) => Promise<S>
  /** Serialises renewals: a refresh token used twice ends its session (RFC 9700 section 4.14.2). */
  withLock: (work: () => Promise<S>) => Promise<S>
  isUnauthorized: (error: unknown) => boolean
}

/** @param refreshMarginMs renews an access token this long before it expires */
export function createSessionClient<S extends AccessGrant>(store: SessionStore<S>, refreshMarginMs: number) {
  let pendingRefresh: Promise<S> | undefined

  return {
    /**
     * Makes a request with a valid access token, and once more with a renewed one if the server rejects the token.
     * @throws what the store and the request throw
     */
    async withSession<T>(request: (session: S) => Promise<T>): Promise<T> {
      const stored = store.current()
      const session = isUsable(stored) ? stored : await refresh()
      try {
        return await request(session)
      } catch (error) {
        if (session !== stored || !store.isUnauthorized(error)) throw error
        // A rejected token means that the server did nothing, so the request can be repeated.
        return await request(await refresh(session.accessToken))
      }
    },
  }

  async function refresh(rejectedToken?: string): Promise<S> {
    pendingRefresh ??= store
      .withLock(async () => {
        const current = await store.reload()
        return isUsable(current, rejectedToken) ? current : await store.renew(current)
      })
      .finally(() => {
        pendingRefresh = undefined
      })
    return await pendingRefresh
  }

  function isUsable({ accessToken, accessExpiresAt }: S, rejectedToken?: string): boolean {
    return accessToken !== rejectedToken && Date.now() < accessExpiresAt - refreshMarginMs
  }
}
