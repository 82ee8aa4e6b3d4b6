import './terminal.css'
import { useSignal } from '@preact/signals'
import { Icon } from '../components/icon.tsx'
import { TerminalTab } from './terminal-tab.tsx'

/** Terminals of a droplet in tabs. They are closed when the page is left. */
export function Terminals({ name }: { name: string }) {
  const tabs = useSignal<readonly number[]>([1])
  const activeTab = useSignal(1)
  const openTab = () => {
    const next = Math.max(0, ...tabs.peek()) + 1
    tabs.value = [...tabs.peek(), next]
    activeTab.value = next
  }
  const closeTab = (number: number) => {
    tabs.value = tabs.peek().filter(tab => tab !== number)
    if (activeTab.peek() === number) activeTab.value = tabs.peek().at(-1) ?? 0
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
              class="secondary small"
              aria-selected={number === activeTab.value}
              onClick={() => (activeTab.value = number)}
            >
              <Icon name="terminal" /> Terminal {number}
            </button>
          ))}
        </div>
        <button type="button" class="secondary small" onClick={openTab}>
          <Icon name="add" /> New terminal
        </button>
        {tabs.value.length > 0 && (
          <button type="button" class="secondary small" onClick={() => closeTab(activeTab.peek())}>
            <Icon name="close" /> Close terminal {activeTab}
          </button>
        )}
      </div>
      {tabs.value.map(number => (
        <TerminalTab key={number} droplet={name} title={`Terminal ${number}`} isVisible={number === activeTab.value} />
      ))}
    </section>
  )
}
