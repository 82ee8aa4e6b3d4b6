/** The digits of what was typed, pasted or filled in: phones write `123 456`, or a sentence with the code in it. */
export function codeIn(text: string): string {
  const whole = /(?:^|\D)(\d{3})[\s-]?(\d{3})(?!\d)/.exec(text)
  if (whole) return `${whole[1]}${whole[2]}`
  return text.replace(/\D/g, '').slice(0, 6)
}
