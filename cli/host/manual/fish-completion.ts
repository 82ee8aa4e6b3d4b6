import { type CommandNode, type Flag, flatten, type Value } from './command-tree.ts'

/** Completion for fish 3 and later. */
export function fishCompletion(tree: CommandNode): string {
  return `# fish completion for cikit-api: cikit-api completion fish | source
# Whether the words so far are exactly these (at), or start with these (in).
function __cikit_api_at
    set -l given (commandline -opc)[2..-1]
    test "$given" = "$argv"
end
function __cikit_api_in
    set -l given (commandline -opc)[2..-1]
    # Words after -- belong to another program.
    contains -- -- $given; and return 1
    test (count $given) -ge (count $argv); and test "$given[1..$(count $argv)]" = "$argv"
end
complete -c cikit-api -f
${flatten(tree).map(commandLines).join('\n')}
`
}

function commandLines({ path, flags, positionals, commands }: CommandNode): string {
  const exactPrefix = `complete -c cikit-api -n ${quote(`__cikit_api_at ${path}`.trimEnd())}`
  if (commands.length > 0) {
    return commands.map(({ name, description }) => `${exactPrefix} -a ${name} -d ${quote(description)}`).join('\n')
  }
  const prefix = `complete -c cikit-api -n ${quote(`__cikit_api_in ${path}`)}`
  const [first] = positionals
  return [
    ...(first ? valueLines(prefix, first.value) : []),
    ...flags.map(flag => flagLine(prefix, flag)),
    `${prefix} -l help -d ${quote('Show help')}`,
  ].join('\n')
}

function valueLines(prefix: string, value: Value): string[] {
  return value.kind === 'text' ? [] : [`${prefix} ${actionOf(value)}`]
}

function flagLine(prefix: string, { name, aliases, description, value }: Flag): string {
  const shortOptions = aliases.map(alias => ` -s ${alias}`).join('')
  return `${prefix} -l ${name}${shortOptions}${value ? ` -r ${actionOf(value)}` : ''} -d ${quote(description)}`
}

function actionOf({ kind, choices }: Value): string {
  if (kind === 'choices') return `-f -a ${quote(choices.join(' '))}`
  return { files: '-F', directories: "-f -a '(__fish_complete_directories)'", text: '-f' }[kind]
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
