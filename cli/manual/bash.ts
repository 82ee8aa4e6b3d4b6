import { type Entry, type Flag, flatten, type Value } from './tree.ts'

/** Completion for bash 4 and later, with nothing of the package bash-completion. */
export function bashCompletion(tree: Entry): string {
  const entries = flatten(tree)
  return `# bash completion for cikit-api: source <(cikit-api completion bash)
_cikit_api() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= words= kind= at
  COMPREPLY=()
  # bash takes the = of --flag=value for a word of its own.
  if [[ $word == = ]]; then
    word=
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    # What comes after it is not ours.
    [[ \${COMP_WORDS[at]} == -- ]] && return
  done
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${command:+$command }\${COMP_WORDS[at]}" in
      ${entries.flatMap(({ words }) => (words ? [quote(words)] : [])).join(' | ')}) command="\${command:+$command }\${COMP_WORDS[at]}" ;;
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

function commandCase({ words, flags, positionals, commands }: Entry): string {
  const named = [...flags.flatMap(flag => dashed(flag).at(0) ?? []), '--help']
  const [first] = positionals
  const values = flags.flatMap(flag =>
    flag.value ? [`        ${dashed(flag).join(' | ')}) ${take(flag.value)} ;;`] : [],
  )
  const others =
    commands.length > 0
      ? `words=${quote(commands.map(({ name }) => name).join(' '))}`
      : first && first.value.kind !== 'text'
        ? take(first.value)
        : 'kind=text'
  return `    ${quote(words)})
      case $previous in
${values.join('\n')}${values.length > 0 ? '\n' : ''}        *) if [[ $word == -* ]]; then words=${quote(named.join(' '))}; else ${others}; fi ;;
      esac
      ;;`
}

function take({ kind, choices }: Value): string {
  return kind === 'choices' ? `words=${quote(choices.join(' '))}` : `kind=${kind}`
}

function dashed({ name, aliases }: Flag): string[] {
  return [`--${name}`, ...aliases.map(alias => `-${alias}`)]
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
