/** What something came to, and after how many milliseconds. */
export async function timed<T>(work: Promise<T>): Promise<{ ms: number; answer: T }> {
  const start = performance.now()
  const answer = await work
  return { ms: performance.now() - start, answer }
}
