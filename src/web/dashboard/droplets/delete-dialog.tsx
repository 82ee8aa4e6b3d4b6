import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { change } from '../state/changes.ts'
import { telling } from '../state/notices.ts'

export function DeleteDialog({ name, close }: { name: string; close: () => void }) {
  return (
    <ConfirmDialog
      title={`Delete ${name}?`}
      name={name}
      action="Delete"
      close={close}
      run={() => telling(change('delete', name))}
    >
      The droplet and everything in it is removed. Nothing brings it back.
    </ConfirmDialog>
  )
}
