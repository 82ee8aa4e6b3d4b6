// The subset of mdoc(7) that mandoc and groff agree on.

/** Escapes text for a line of its own. */
export function textLine(words: string): string {
  const escaped = words.replaceAll('\\', '\\e').replaceAll('--', '\\-\\-')
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped
}

/** Puts each sentence on a line of its own, as mdoc requires. */
export function sentenceLines(words: string): string {
  const ended = /[.!?]$/.test(words) ? words : `${words}.`
  return ended
    .split(/(?<=\.) (?=[A-Z])/)
    .map(textLine)
    .join('\n')
}

/** A list of terms, which are lines of macros, with descriptions. */
export function tagList(items: readonly (readonly [term: string, description: string])[]): string[] {
  if (items.length === 0) return []
  return ['.Bl -tag -width Ds', ...items.flatMap(([term, description]) => [`.It ${term}`, description]), '.El']
}

/** Escapes a macro argument, which may be the name of a macro. */
export function macroArgument(word: string): string {
  const escaped = word.replaceAll('\\', '\\e').replaceAll('"', '\\(dq')
  return /\s/.test(escaped) ? `"${escaped}"` : escaped
}
