export function Audit(_: { parts: readonly string[] }) {
  return <h1>Audit</h1>
}
