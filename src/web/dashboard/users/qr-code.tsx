import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

/** Empty modules around the code, required by readers (ISO/IEC 18004). */
const QUIET_ZONE = 4

/** Black on white even in dark mode: not every reader accepts inverted codes. */
export function QrCode({ text, title }: { text: string; title: string }) {
  const drawing = useSignal<{ size: number; path: string } | undefined>(undefined)
  useEffect(() => {
    let isUnmounted = false
    // Loaded on demand: rarely needed, and large.
    void import('qrcode/lib/core/qrcode').then(({ create }) => {
      if (!isUnmounted) drawing.value = toDrawing(create(text, { errorCorrectionLevel: 'M' }).modules)
    })
    return () => {
      isUnmounted = true
    }
  }, [text])
  if (!drawing.value) return <p class="qr" aria-busy="true" />
  const { size, path } = drawing.value
  return (
    <svg class="qr" role="img" aria-label={title} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect class="white" width={size} height={size} />
      <path class="black" d={path} />
    </svg>
  )
}

function toDrawing(modules: { size: number; get: (row: number, column: number) => unknown }) {
  const { size } = modules
  const cells = Array.from({ length: size * size }, (_, index) => [Math.floor(index / size), index % size] as const)
  const darkCells = cells.filter(([row, column]) => modules.get(row, column))
  const path = darkCells.map(([row, column]) => `M${column + QUIET_ZONE} ${row + QUIET_ZONE}h1v1h-1z`).join('')
  return { size: size + 2 * QUIET_ZONE, path }
}
