// The words of mdoc(7), in which mandoc and groff understand one another.

/** Text as it stands on a line of its own. */
export function textLine(words: string): string {
  const escaped = words.replaceAll('\\', '\\e').replaceAll('--', '\\-\\-')
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped
}

/** What describes something in a few words, as sentences: each on a line of its own, as mdoc has them. */
export function sentenceLines(words: string): string {
  const ended = /[.!?]$/.test(words) ? words : `${words}.`
  return ended
    .split(/(?<=\.) (?=[A-Z])/)
    .map(textLine)
    .join('\n')
}

/** A list of terms with their descriptions; each term is a line of macros. */
export function tagList(items: readonly (readonly [term: string, description: string])[]): string[] {
  if (items.length === 0) return []
  return ['.Bl -tag -width Ds', ...items.flatMap(([term, description]) => [`.It ${term}`, description]), '.El']
}

/** An argument of a macro as it stands, be it the name of another one. */
export function macroArgument(word: string): string {
  const escaped = word.replaceAll('\\', '\\e').replaceAll('"', '\\(dq')
  return /\s/.test(escaped) ? `"${escaped}"` : escaped
}
