export function Me(_: { parts: readonly string[] }) {
  return <h1>Me</h1>
}
