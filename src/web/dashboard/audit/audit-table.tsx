import './audit.css'
import type { AuditRecord } from './merge-records.ts'

export function AuditTable({ records }: { records: readonly AuditRecord[] }) {
  return (
    <table>
      <caption class="visually-hidden">Audit records, newest first</caption>
      <thead>
        <tr>
          <th>Time</th>
          <th>User</th>
          <th>Action</th>
          <th>Target</th>
          <th>Result</th>
          <th>IP</th>
        </tr>
      </thead>
      <tbody>
        {records.map(({ id, time, user, address, action, target, result, error_id, count }) => (
          <tr key={id ?? `${time} ${address} ${action}`}>
            <td class="time">
              <time dateTime={time}>{new Date(time).toLocaleString()}</time>
            </td>
            <td class="user">
              <bdi>{user || (address === 'host' ? 'host' : 'anonymous')}</bdi>
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
            <td class="address">{address}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
