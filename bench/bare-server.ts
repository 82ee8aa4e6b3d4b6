// Answers every request with the bytes from standard input: the upper limit of what this machine can serve.

export {}

const body = await Bun.stdin.text()
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: () => new Response(body, { headers: { 'content-type': 'application/json' } }),
})
process.stdout.write(`${server.port}\n`)
