/** The digits of what was typed, pasted or filled in: phones write `123 456`, or a sentence with the code in it. */
export function extractCode(text: string): string {
  const match = /(?:^|\D)(\d{3})[\s-]?(\d{3})(?!\d)/.exec(text)
  if (match) return `${match[1]}${match[2]}`
  return text.replace(/\D/g, '').slice(0, 6)
}
