const LIMIT_MS = 20_000

const starts = {
  bash: {
    command: 'bash --norc --noprofile -i',
    lines: ["bind 'set bell-style none'", "bind 'set enable-bracketed-paste off'", 'source ./completion.bash'],
    define: `cikit-api() { local words="$*"; echo "[[$words]]"; }`,
  },
  zsh: {
    command: 'zsh -f -i',
    lines: ['unsetopt beep list_beep', 'autoload -Uz compinit', 'compinit -u -D', 'source ./completion.zsh'],
    define: `cikit-api() { local words="$*"; print -r -- "[[$words]]"; }`,
  },
  fish: {
    command: 'fish --no-config -i',
    lines: ['source ./completion.fish'],
    define: `function cikit-api; echo "[[$argv]]"; end`,
  },
}

/** A shell at a terminal of its own that has our completion, in which the program tells what it was called with. */
export async function openShell(shell: keyof typeof starts, cwd: string) {
  const { command, lines, define } = starts[shell]
  const child = Bun.spawn(['script', '-qec', `stty cols 200; exec ${command}`, '/dev/null'], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, TERM: 'dumb', LANG: 'C.UTF-8' },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'ignore',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let seen = ''

  async function type(keys: string): Promise<void> {
    child.stdin.write(keys)
    await child.stdin.flush()
  }

  /** What the program told, after what was seen of it before. */
  async function told(): Promise<string> {
    for (;;) {
      // The definition of the function, as it is echoed, has a variable there.
      const match = /\[\[((?:(?!\$)[^\]])*)\]\]/.exec(seen)
      if (match) {
        seen = seen.slice(match.index + match[0].length)
        return match[1] ?? ''
      }
      const { done, value } = await reader.read()
      if (done) throw new Error(`${shell} ended: ${JSON.stringify(seen)}`)
      seen += value
    }
  }

  for (const line of [...lines, define]) await type(`${line}\n`)
  await type('cikit-api ready\n')
  await told()
  return {
    /** Types a line, with its tabs, and Enter. @returns what the program was called with */
    async call(words: string): Promise<string> {
      await type(`cikit-api ${words}\n`)
      return (await told()).trim()
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}
