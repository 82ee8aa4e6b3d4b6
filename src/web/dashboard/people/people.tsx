export function People(_: { parts: readonly string[] }) {
  return <h1>People</h1>
}
