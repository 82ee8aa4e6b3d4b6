/** Parses the Prometheus text format: samples by name with labels as written. */
export function parseSamples(text: string): Map<string, number> {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map(line => {
      const separator = line.lastIndexOf(' ')
      return [line.slice(0, separator), Number(line.slice(separator + 1))]
    }),
  )
}

/** The names of the declared metrics. */
export function metricNamesIn(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
}
