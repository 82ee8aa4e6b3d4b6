import { ConfirmDialog } from '../components/confirm-dialog.tsx'
import { startOperation } from '../state/operations.ts'

export function DeleteDropletDialog({ name, onClose }: { name: string; onClose: () => void }) {
  return (
    <ConfirmDialog
      title={`Delete ${name}?`}
      expectedText={name}
      actionLabel="Delete"
      onClose={onClose}
      onConfirm={() => startOperation('delete', name)}
    >
      This permanently deletes the droplet and all its data.
    </ConfirmDialog>
  )
}
