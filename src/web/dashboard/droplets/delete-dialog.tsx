import { ConfirmDialog } from '../components/confirm-dialog.tsx'
import { startOperation } from '../state/operations.ts'
import { withErrorToast } from '../state/toasts.ts'

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
