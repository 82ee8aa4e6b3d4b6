/** What came of it, and how long that took. */
export async function timed<T>(work: Promise<T>): Promise<{ ms: number; answer: T }> {
  const start = performance.now()
  const answer = await work
  return { ms: performance.now() - start, answer }
}
