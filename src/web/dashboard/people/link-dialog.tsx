import { useEffect, useMemo } from 'preact/hooks'
import { ask } from '../api/api.ts'
import { Copy } from '../parts/copy.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Loading, Problem } from '../parts/states.tsx'
import { createReading } from '../state/reading.ts'
import { Qr } from './qr.tsx'

interface Link {
  url: string
  expires: string
}

/** A new way in for somebody: a link that shows a new secret, once. Making it ends the one before. */
export function LinkDialog({ username, close }: { username: string; close: () => void }) {
  const { value, problem, read } = useMemo(
    () => createReading(() => ask<Link>(`/user/enrol/${encodeURIComponent(username)}`, { method: 'POST' })),
    [username],
  )
  useEffect(() => void read(), [read])
  const link = value.value
  const address = link && new URL(link.url, document.baseURI).href
  return (
    <Dialog title={`A link for ${username}`} close={close}>
      {problem.value && <Problem text={problem.value} retry={() => void read()} />}
      {!link && !problem.value && <Loading what="the link" />}
      {link && address && (
        <>
          <p>
            Give it to {username} in a safe way: whoever opens it first sets up a phone with it. It works once, until{' '}
            {new Date(link.expires).toLocaleString()}.
          </p>
          <p class="link">
            <code>{address}</code> <Copy text={address} what={`the link for ${username}`} label="Copy" />
          </p>
          <Qr text={address} title={`QR code of the link for ${username}`} />
        </>
      )}
      <div class="actions">
        <button type="button" class="quiet" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
