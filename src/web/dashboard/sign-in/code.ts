export const CODE_DIGITS = 6

/** Extracts a six-digit code from typed, pasted or autofilled text: `123 456`, or a sentence that contains the code. */
export function extractCode(text: string): string {
  const match = /(?:^|\D)(\d{3})[\s-]?(\d{3})(?!\d)/.exec(text)
  if (match) return `${match[1]}${match[2]}`
  return text.replace(/\D/g, '').slice(0, CODE_DIGITS)
}
