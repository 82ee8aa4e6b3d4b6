import './terminal.css'
import { useSignal } from '@preact/signals'
import { Icon } from '../parts/icon.tsx'
import { Tab } from './tab.tsx'

/** The terminals that are open in a droplet, one beside the other. They end with the page. */
export function Terminals({ name }: { name: string }) {
  const tabs = useSignal<readonly number[]>([1])
  const shown = useSignal(1)
  const open = () => {
    const next = Math.max(0, ...tabs.peek()) + 1
    tabs.value = [...tabs.peek(), next]
    shown.value = next
  }
  const close = (number: number) => {
    tabs.value = tabs.peek().filter(each => each !== number)
    if (shown.peek() === number) shown.value = tabs.peek().at(-1) ?? 0
  }
  return (
    <section class="terminals">
      <div class="tabs">
        <div role="tablist" aria-label="Terminals">
          {tabs.value.map(number => (
            <button
              key={number}
              type="button"
              role="tab"
              class="quiet small"
              aria-selected={number === shown.value}
              onClick={() => (shown.value = number)}
            >
              <Icon name="terminal" /> Terminal {number}
            </button>
          ))}
        </div>
        <button type="button" class="quiet small" onClick={open}>
          <Icon name="add" /> Open another
        </button>
        {tabs.value.length > 0 && (
          <button type="button" class="quiet small" onClick={() => close(shown.peek())}>
            <Icon name="close" /> Close terminal {shown}
          </button>
        )}
      </div>
      {tabs.value.map(number => (
        <Tab key={number} droplet={name} title={`Terminal ${number}`} isShown={number === shown.value} />
      ))}
    </section>
  )
}
