import { requestJson } from '../api/client.ts'
import { CopyButton } from '../components/copy-button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { ResourceStatus } from '../components/placeholders.tsx'
import { useResource } from '../state/resource.ts'
import { QrCode } from './qr-code.tsx'

interface EnrolmentLink {
  url: string
  expires: string
}

/** Creates an enrolment link, which works once and replaces the user's previous one. */
export function EnrolmentLinkDialog({ username, onClose }: { username: string; onClose: () => void }) {
  const resource = useResource(() =>
    requestJson<EnrolmentLink>(`/user/enrol/${encodeURIComponent(username)}`, { method: 'POST' }),
  )
  const link = resource.data.value
  const url = link && new URL(link.url, document.baseURI).href
  return (
    <Dialog title={`Enrolment link for ${username}`} onClose={onClose}>
      <ResourceStatus resource={resource} label="enrolment link" />
      {link && url && (
        <>
          <p>
            Send it to {username} securely: the first person to open it can set up a phone for this account. The link
            works once and expires on {new Date(link.expires).toLocaleString()}.
          </p>
          <p class="enrolment-link">
            <code>{url}</code> <CopyButton text={url} description={`the enrolment link for ${username}`} label="Copy" />
          </p>
          <QrCode text={url} title={`QR code of the enrolment link for ${username}`} />
        </>
      )}
      <div class="dialog-actions">
        <button type="button" class="secondary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
