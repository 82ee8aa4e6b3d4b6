/** What something came to, and after how many milliseconds. */
export async function timed<T>(work: Promise<T>): Promise<{ ms: number; result: T }> {
  const start = performance.now()
  const result = await work
  return { ms: performance.now() - start, result }
}
