export function Droplet(_: { parts: readonly string[] }) {
  return <h1>Droplet</h1>
}
