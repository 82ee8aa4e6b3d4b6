import { type CommandNode, type Flag, flatten, type Value } from './command-tree.ts'
import { quote } from './shell-quote.ts'

/** Completion for bash 4 and later. Does not need the package bash-completion. */
export function bashCompletion(tree: CommandNode): string {
  const entries = flatten(tree)
  return `# bash completion for cikit-api: source <(cikit-api completion bash)
_cikit_api() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= words= kind= at
  COMPREPLY=()
  # bash splits --flag=value into three words.
  if [[ $word == = ]]; then
    word=
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    # Words after -- belong to another program.
    [[ \${COMP_WORDS[at]} == -- ]] && return
  done
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${command:+$command }\${COMP_WORDS[at]}" in
      ${entries.flatMap(({ path }) => (path ? [quote(path)] : [])).join(' | ')}) command="\${command:+$command }\${COMP_WORDS[at]}" ;;
      *) break ;;
    esac
  done
  case $command in
${entries.map(commandCase).join('\n')}
  esac
  case $kind in
    files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    directories) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    text) ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word") ;;
  esac
}
complete -F _cikit_api cikit-api
`
}

function commandCase({ path, flags, positionals, commands }: CommandNode): string {
  const longFlags = [...flags.flatMap(flag => flagNames(flag).at(0) ?? []), '--help']
  const [first] = positionals
  const valueCases = flags.flatMap(flag =>
    flag.value ? [`        ${flagNames(flag).join(' | ')}) ${toAssignment(flag.value)} ;;`] : [],
  )
  const otherwise =
    commands.length > 0
      ? `words=${quote(commands.map(({ name }) => name).join(' '))}`
      : first && first.value.kind !== 'text'
        ? toAssignment(first.value)
        : 'kind=text'
  return `    ${quote(path)})
      case $previous in
${valueCases.join('\n')}${valueCases.length > 0 ? '\n' : ''}        *) if [[ $word == -* ]]; then words=${quote(longFlags.join(' '))}; else ${otherwise}; fi ;;
      esac
      ;;`
}

function toAssignment({ kind, choices }: Value): string {
  return kind === 'choices' ? `words=${quote(choices.join(' '))}` : `kind=${kind}`
}

function flagNames({ name, aliases }: Flag): string[] {
  return [`--${name}`, ...aliases.map(alias => `-${alias}`)]
}
