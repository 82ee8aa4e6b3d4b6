import { useEffect, useMemo } from 'preact/hooks'
import { requestJson } from '../api/client.ts'
import { CopyButton } from '../components/copy-button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { ErrorMessage, Loading } from '../components/placeholders.tsx'
import { createResource } from '../state/resource.ts'
import { QrCode } from './qr-code.tsx'

interface EnrolmentLink {
  url: string
  expires: string
}

/** A new way in for somebody: a link that shows a new secret, once. Making it ends the one before. */
export function EnrolmentLinkDialog({ username, onClose }: { username: string; onClose: () => void }) {
  const { data, errorText, load } = useMemo(
    () =>
      createResource(() =>
        requestJson<EnrolmentLink>(`/user/enrol/${encodeURIComponent(username)}`, { method: 'POST' }),
      ),
    [username],
  )
  useEffect(() => void load(), [load])
  const link = data.value
  const url = link && new URL(link.url, document.baseURI).href
  return (
    <Dialog title={`A link for ${username}`} onClose={onClose}>
      {errorText.value && <ErrorMessage text={errorText.value} onRetry={() => void load()} />}
      {!link && !errorText.value && <Loading label="the link" />}
      {link && url && (
        <>
          <p>
            Give it to {username} in a safe way: whoever opens it first sets up a phone with it. It works once, until{' '}
            {new Date(link.expires).toLocaleString()}.
          </p>
          <p class="link">
            <code>{url}</code> <CopyButton text={url} description={`the link for ${username}`} label="Copy" />
          </p>
          <QrCode text={url} title={`QR code of the link for ${username}`} />
        </>
      )}
      <div class="actions">
        <button type="button" class="quiet" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
