// A server that does nothing but answer the bytes it was given: what the machine can do at most.

export {}

const body = await Bun.stdin.text()
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: () => new Response(body, { headers: { 'content-type': 'application/json' } }),
})
process.stdout.write(`${server.port}\n`)
