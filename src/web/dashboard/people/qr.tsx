import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

/** Of modules, which readers need around it (ISO/IEC 18004). */
const QUIET = 4

/** A QR code, drawn black on white in the dark as well: not every reader takes the other way round. */
export function Qr({ text, title }: { text: string; title: string }) {
  const drawn = useSignal<{ size: number; path: string } | undefined>(undefined)
  useEffect(() => {
    let isGone = false
    // Needed by few, and as large as half of the page.
    void import('qrcode/lib/core/qrcode').then(({ create }) => {
      if (!isGone) drawn.value = draw(create(text, { errorCorrectionLevel: 'M' }).modules)
    })
    return () => {
      isGone = true
    }
  }, [text])
  if (!drawn.value) return <p class="qr" aria-busy="true" />
  const { size, path } = drawn.value
  return (
    <svg class="qr" role="img" aria-label={title} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect class="white" width={size} height={size} />
      <path class="black" d={path} />
    </svg>
  )
}

function draw(modules: { size: number; get: (row: number, column: number) => unknown }) {
  const { size } = modules
  const cells = Array.from({ length: size * size }, (_, index) => [Math.floor(index / size), index % size] as const)
  const dark = cells.filter(([row, column]) => modules.get(row, column))
  const path = dark.map(([row, column]) => `M${column + QUIET} ${row + QUIET}h1v1h-1z`).join('')
  return { size: size + 2 * QUIET, path }
}
