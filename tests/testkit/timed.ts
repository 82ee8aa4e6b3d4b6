/** Measures how long a promise takes, in milliseconds. */
export async function timed<T>(work: Promise<T>): Promise<{ ms: number; result: T }> {
  const start = performance.now()
  const result = await work
  return { ms: performance.now() - start, result }
}
