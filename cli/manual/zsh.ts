import { type Entry, type Flag, flatten, type Value } from './tree.ts'

/** Completion for zsh: to be sourced, or as a file _cikit-api in a directory of $fpath. */
export function zshCompletion(tree: Entry): string {
  return `#compdef cikit-api
# zsh completion for cikit-api: source <(cikit-api completion zsh)
${flatten(tree).map(functionOf).join('\n')}
if [[ \${funcstack[1]} == _cikit-api ]]; then
  _cikit-api "$@"
else
  compdef _cikit-api cikit-api
fi
`
}

function functionOf(entry: Entry): string {
  return `${nameOf(entry.words)}() {\n${entry.commands.length > 0 ? choose(entry) : specs(entry)}}`
}

/** The next word is a command, or belongs to one. */
function choose({ commands }: Entry): string {
  return `  if (( CURRENT > 2 )); then
    shift words
    (( CURRENT-- ))
    case $words[1] in
${commands.map(({ name, words }) => `      ${name}) ${nameOf(words)} ;;`).join('\n')}
    esac
    return
  fi
  local -a commands
  commands=(
${commands.map(({ name, description }) => `    ${quote(`${name}:${description.replaceAll(':', '\\:')}`)}`).join('\n')}
  )
  _describe command commands
`
}

function specs({ flags, positionals }: Entry): string {
  const words = positionals.map(
    ({ description, required, value }) => `${required ? ':' : '::'}${escapeColons(description)}:${actionOf(value)}`,
  )
  const all = [...flags.flatMap(flagSpecs), '--help[Show the help]', ...words]
  return `  _arguments -S \\\n${all.map(spec => `    ${quote(spec)}`).join(' \\\n')}\n`
}

function flagSpecs({ name, aliases, description, value }: Flag): string[] {
  const explained = `[${description.replace(/[[\]]/g, '\\$&')}]`
  const taken = value ? `:${escapeColons(value.hint)}:${actionOf(value)}` : ''
  const others = aliases.length > 0 ? `(--${name} ${aliases.map(alias => `-${alias}`).join(' ')})` : ''
  return [
    `${others}--${name}${value ? '=' : ''}${explained}${taken}`,
    ...aliases.map(alias => `${others}-${alias}${explained}${taken}`),
  ]
}

function actionOf({ kind, choices }: Value): string {
  if (kind === 'choices') return `(${choices.join(' ')})`
  return { files: '_files', directories: '_files -/', text: ' ' }[kind]
}

function nameOf(words: string): string {
  return ['_cikit-api', ...words.split(' ').filter(Boolean)].join('-')
}

function escapeColons(text: string): string {
  return text.replaceAll(':', '\\:')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
