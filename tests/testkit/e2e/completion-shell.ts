const TIMEOUT_MS = 20_000

const shells = {
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

/** An interactive shell with our completion, in which `cikit-api` prints its arguments. */
export async function openCompletionShell(shell: keyof typeof shells, cwd: string) {
  const { command, lines: setup, define: stub } = shells[shell]
  const child = Bun.spawn(['script', '-qec', `stty cols 200; exec ${command}`, '/dev/null'], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, TERM: 'dumb', LANG: 'C.UTF-8' },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'ignore',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let output = ''

  async function type(keys: string): Promise<void> {
    child.stdin.write(keys)
    await child.stdin.flush()
  }

  /** The arguments of the next call. */
  async function nextCall(): Promise<string> {
    for (;;) {
      // Skips the echoed function definition, which has a variable in the brackets.
      const match = /\[\[((?:(?!\$)[^\]])*)\]\]/.exec(output)
      if (match) {
        output = output.slice(match.index + match[0].length)
        return match[1] ?? ''
      }
      const { done, value } = await reader.read()
      if (done) throw new Error(`${shell} ended: ${JSON.stringify(output)}`)
      output += value
    }
  }

  for (const line of [...setup, stub]) await type(`${line}\n`)
  await type('cikit-api ready\n')
  await nextCall()
  return {
    /** Types a line, including tabs, and Enter. @returns the arguments of the call */
    async call(line: string): Promise<string> {
      await type(`cikit-api ${line}\n`)
      return (await nextCall()).trim()
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}
