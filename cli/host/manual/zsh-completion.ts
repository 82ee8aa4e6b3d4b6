import { type CommandNode, type Flag, flatten, type Value } from './command-tree.ts'
import { quote } from './shell-quote.ts'

/** Completion for zsh, to be sourced or installed as _cikit-api in a directory of $fpath. */
export function zshCompletion(tree: CommandNode): string {
  return `#compdef cikit-api
# zsh completion for cikit-api: source <(cikit-api completion zsh)
${flatten(tree).map(shellFunction).join('\n')}
if [[ \${funcstack[1]} == _cikit-api ]]; then
  _cikit-api "$@"
else
  compdef _cikit-api cikit-api
fi
`
}

function shellFunction(node: CommandNode): string {
  return `${functionName(node.path)}() {\n${node.commands.length > 0 ? subCommandBody(node) : argumentsBody(node)}}`
}

/** Completes a sub-command, or passes on to it. */
function subCommandBody({ commands }: CommandNode): string {
  return `  if (( CURRENT > 2 )); then
    shift words
    (( CURRENT-- ))
    case $words[1] in
${commands.map(({ name, path }) => `      ${name}) ${functionName(path)} ;;`).join('\n')}
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

function argumentsBody({ flags, positionals }: CommandNode): string {
  const positionalSpecs = positionals.map(
    ({ description, required, value }) => `${required ? ':' : '::'}${escapeColons(description)}:${actionOf(value)}`,
  )
  const all = [...flags.flatMap(flagSpecs), '--help[Show help]', ...positionalSpecs]
  return `  _arguments -S \\\n${all.map(spec => `    ${quote(spec)}`).join(' \\\n')}\n`
}

function flagSpecs({ name, aliases, description, value }: Flag): string[] {
  const descriptionSpec = `[${description.replace(/[[\]]/g, '\\$&')}]`
  const valueSpec = value ? `:${escapeColons(value.hint)}:${actionOf(value)}` : ''
  const exclusions = aliases.length > 0 ? `(--${name} ${aliases.map(alias => `-${alias}`).join(' ')})` : ''
  return [
    `${exclusions}--${name}${value ? '=' : ''}${descriptionSpec}${valueSpec}`,
    ...aliases.map(alias => `${exclusions}-${alias}${descriptionSpec}${valueSpec}`),
  ]
}

function actionOf({ kind, choices }: Value): string {
  if (kind === 'choices') return `(${choices.join(' ')})`
  return { files: '_files', directories: '_files -/', text: ' ' }[kind]
}

function functionName(path: string): string {
  return ['_cikit-api', ...path.split(' ').filter(Boolean)].join('-')
}

function escapeColons(text: string): string {
  return text.replaceAll(':', '\\:')
}
