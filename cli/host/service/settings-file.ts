import { type Flags, type SettingName, variableOf } from '../../../src/config/settings.ts'
import { OperatorError } from '../../../src/core/errors.ts'

// The service's settings file, in the format of `EnvironmentFile=` (systemd.exec(5)).

const HEADER = '# Settings of cikit-api.service. To apply changes, run: cikit-api install\n'

/**
 * Reads the variables of a settings file.
 * @throws OperatorError for an invalid line; guessing could apply a wrong setting
 */
export function parseSettings(text: string, file: string): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*([#;]|$)/.test(line)) continue
    const value = parseValue(line)
    const name = parseName(line)
    if (name === undefined || value === undefined) {
      throw new OperatorError(`${file}: line ${index + 1} is invalid: write NAME="VALUE"`)
    }
    variables[name] = value
  }
  return variables
}

/** Replaces settings in the text, or appends them; all other lines stay unchanged. */
export function withSettings(text: string | undefined, newSettings: Flags): string {
  const lines = (text ?? HEADER).split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (const name of Object.keys(newSettings) as SettingName[]) {
    const value = newSettings[name]
    if (value === undefined) continue
    const variable = variableOf(name)
    const line = `${variable}=${quoteValue(value)}`
    const others = lines.filter(other => parseName(other) !== variable)
    const lastIndex = lines.findLastIndex(other => parseName(other) === variable)
    const current = lines[lastIndex]
    if (current !== undefined && parseValue(current) === value && others.length === lines.length - 1) continue
    const insertAt =
      lastIndex < 0 ? others.length : lines.slice(0, lastIndex).filter(other => parseName(other) !== variable).length
    lines.splice(0, lines.length, ...others.toSpliced(insertAt, 0, line))
  }
  return `${lines.join('\n')}\n`
}

function parseName(line: string): string | undefined {
  return /^\s*([A-Za-z_]\w*)=/.exec(line)?.[1]
}

function parseValue(line: string): string | undefined {
  const text = line.slice(line.indexOf('=') + 1).trim()
  const double = /^"((?:[^"\\]|\\.)*)"$/.exec(text)?.[1]
  // Between double quotes, a backslash escapes only these characters (systemd, parse_env_file).
  if (double !== undefined) return double.replaceAll(/\\(["\\`$])/g, '$1')
  const single = /^'([^']*)'$/.exec(text)?.[1]
  if (single !== undefined) return single
  return /["'\\]/.test(text) ? undefined : text
}

function quoteValue(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to reject
  if (/[\x00-\x1f\x7f]/.test(value))
    throw new OperatorError(`${JSON.stringify(value)}: a setting must be one line without control characters`)
  return /^[\w./:@,+-]+$/.test(value) ? value : `"${value.replaceAll(/["\\`$]/g, '\\$&')}"`
}
