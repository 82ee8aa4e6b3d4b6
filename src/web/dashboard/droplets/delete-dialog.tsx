import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { startOperation } from '../state/changes.ts'
import { withErrorToast } from '../state/notices.ts'

export function DeleteDialog({ name, onClose }: { name: string; onClose: () => void }) {
  return (
    <ConfirmDialog
      title={`Delete ${name}?`}
      expectedText={name}
      actionLabel="Delete"
      onClose={onClose}
      onConfirm={() => withErrorToast(startOperation('delete', name))}
    >
      The droplet and everything in it is removed. Nothing brings it back.
    </ConfirmDialog>
  )
}
