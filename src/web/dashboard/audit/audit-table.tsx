import './audit.css'
import type { AuditRecord } from './merge-records.ts'

/** Records, newest first. */
export function AuditTable({ records }: { records: readonly AuditRecord[] }) {
  return (
    <table>
      <caption class="unseen">Records, newest first</caption>
      <thead>
        <tr>
          <th>When</th>
          <th>Who</th>
          <th>What</th>
          <th>To</th>
          <th>Result</th>
          <th>From</th>
        </tr>
      </thead>
      <tbody>
        {records.map(({ id, time, user, address, action, target, result, error_id, count }) => (
          <tr key={id ?? `${time} ${address} ${action}`}>
            <td class="when">
              <time dateTime={time}>{new Date(time).toLocaleString()}</time>
            </td>
            <td class="user">
              <bdi>{user || (address === 'host' ? 'the host' : 'a stranger')}</bdi>
            </td>
            <td class="action">{action}</td>
            <td class="target">
              <bdi>{target}</bdi>
            </td>
            <td class={`result ${result}`}>
              {result}
              {error_id !== null && ` ${error_id}`}
              {count > 1 && ` × ${count}`}
            </td>
            <td class="from">{address}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
