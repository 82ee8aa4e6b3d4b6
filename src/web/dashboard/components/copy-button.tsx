import { useState } from 'preact/hooks'
import { announce } from '../state/announcer.ts'
import { showToast } from '../state/toasts.ts'
import { Icon } from './icon.tsx'

const FEEDBACK_MS = 2_000

/** @param description the noun after "Copy", such as "the SSH command for cikit01" */
export function CopyButton({ text, description, label }: { text: string; description: string; label?: string }) {
  const [isCopied, setCopied] = useState(false)
  const copy = async () => {
    if (!(await copyText(text)))
      return showToast('The browser blocked copying. Select the text and copy it yourself.', 'bad')
    announce(`Copied ${description}.`)
    setCopied(true)
    setTimeout(setCopied, FEEDBACK_MS, false)
  }
  return (
    <button
      type="button"
      class="secondary small"
      aria-label={`Copy ${description}`}
      title={`Copy ${description}`}
      onClick={() => void copy()}
    >
      <Icon name={isCopied ? 'check' : 'copy'} />
      {label && (isCopied ? 'Copied' : label)}
    </button>
  )
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyBySelection(text)
  }
}

/** The Clipboard API needs HTTPS; this works without it. */
function copyBySelection(text: string): boolean {
  const textarea = document.createElement('textarea')
  textarea.value = text
  const container = document.querySelector('dialog[open]') ?? document.body
  container.append(textarea)
  textarea.select()
  const isCopied = document.execCommand('copy')
  textarea.remove()
  return isCopied
}
