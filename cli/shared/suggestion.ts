/** ` (did you mean --json?)`, or undefined if none of the candidates is close to the typed word. */
export function didYouMean(typed: string, candidates: readonly string[]): string | undefined {
  const maxDistance = Math.max(1, Math.floor(typed.replace(/^-+/, '').length / 3))
  const [closest] = candidates
    .map(candidate => ({ candidate, distance: editDistance(typed, candidate) }))
    .filter(({ distance }) => distance <= maxDistance)
    .toSorted((left, right) => left.distance - right.distance)
  return closest && ` (did you mean ${closest.candidate}?)`
}

/** Inserted, deleted and replaced characters, and swapped neighbours (optimal string alignment distance). */
export function editDistance(left: string, right: string): number {
  const rows: number[][] = []
  const distanceAt = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY
  for (let row = 0; row <= left.length; row++) {
    const distances: number[] = []
    rows.push(distances)
    for (let column = 0; column <= right.length; column++) {
      const isSame = left[row - 1] === right[column - 1]
      const isSwap = row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      distances.push(
        row === 0 || column === 0
          ? row + column
          : Math.min(
              distanceAt(row - 1, column) + 1,
              distanceAt(row, column - 1) + 1,
              distanceAt(row - 1, column - 1) + (isSame ? 0 : 1),
              isSwap ? distanceAt(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
            ),
      )
    }
  }
  return distanceAt(left.length, right.length)
}
