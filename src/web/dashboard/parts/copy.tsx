import { useState } from 'preact/hooks'
import { announce } from '../state/announcer.ts'
import { notify } from '../state/notices.ts'
import { Icon } from './icon.tsx'

const SHOWN_MS = 2_000

/** @param what as the person would call it: "the ssh command of cikit01" */
export function Copy({ text, what, label }: { text: string; what: string; label?: string }) {
  const [isCopied, setCopied] = useState(false)
  const copy = async () => {
    if (!(await copyText(text)))
      return notify('The browser does not let this page copy: mark the text and copy it yourself.', 'bad')
    announce(`Copied ${what}.`)
    setCopied(true)
    setTimeout(setCopied, SHOWN_MS, false)
  }
  return (
    <button
      type="button"
      class="quiet small"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
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

/** Without HTTPS there is no clipboard but this. */
function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  const place = document.querySelector('dialog[open]') ?? document.body
  place.append(area)
  area.select()
  const isCopied = document.execCommand('copy')
  area.remove()
  return isCopied
}
