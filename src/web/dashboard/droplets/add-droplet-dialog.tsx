import { useSignal } from '@preact/signals'
import { Dialog } from '../components/dialog.tsx'
import { DialogForm } from '../components/form.tsx'
import { addDroplet } from '../state/operations.ts'

export function AddDropletDialog({ onClose }: { onClose: () => void }) {
  const keysText = useSignal('')
  const add = async () => {
    const lines = keysText.peek().split('\n')
    await addDroplet(lines.filter(line => line.trim() !== ''))
    onClose()
  }
  return (
    <Dialog title="Add droplet" onClose={onClose}>
      <DialogForm action={add} submitLabel="Add" onCancel={onClose}>
        <p>The droplet gets the next free number, starts immediately and has its own SSH key on the Matrix.</p>
        <label>
          Additional SSH keys (one per line) <span class="muted">optional</span>
          <textarea
            rows={4}
            spellcheck={false}
            placeholder="ssh-ed25519 AAAA… you@laptop"
            value={keysText}
            onInput={event => (keysText.value = event.currentTarget.value)}
          />
        </label>
      </DialogForm>
    </Dialog>
  )
}
