const REVOKE_DELAY_MS = 10_000

/** Saves text as a file, without a network request. */
export function downloadFile(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // Revoking the URL at once would cancel the download.
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_DELAY_MS)
}
