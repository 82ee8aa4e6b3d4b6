import { createHmac, timingSafeEqual } from 'node:crypto'
import type { AuditEntry, AuditMark, AuditRecord, AuditResult, AuditStore, Authenticated } from '../store/audit.ts'
import type { Key } from '../store/key-file.ts'
import auditSchema from '../store/migrations/0003-audit.sql' with { type: 'text' }

/** The mac before the first record of a chain. */
const EMPTY_MAC = new Uint8Array(32)
const BATCH_SIZE = 1_000

/** What `verify` found wrong, in words, with the numbers of the records. */
export interface Verification {
  /** How many records the chain has. */
  records: number
  /** How many there are before it, of an earlier key: they can be read, and not verified. */
  earlier: number
  /** 0 for none. */
  newest: number
  /** Of the newest record, in hex: noted elsewhere, it tells whether a whole older chain was put in the place of this one. */
  mac: string
  findings: string[]
}

/** A record as the next one needs it. */
type ChainLink = Pick<AuditRecord, 'number' | 'mac'>

export type Chain = ReturnType<typeof createChain>

/**
 * Records that cannot be changed, removed or moved unseen by somebody without the key: each carries an HMAC-SHA-256 over
 * itself and the one before it (RFC 2104), and both ends of the chain are sealed by themselves.
 */
export function createChain(store: AuditStore, key: Key) {
  return {
    /** Whether there is a chain of this key. */
    matchesKey(): boolean {
      const start = store.findMark('start')
      return start !== undefined && hasValidSeal('start', start)
    },

    /** Begins a chain after the records that there are, if any. Runs inside `database.write`. */
    start(time: number, user: string): void {
      const number = store.newest()?.number ?? 0
      putMark('start', number, EMPTY_MAC)
      appendRecord({ number, mac: EMPTY_MAC }, { ...systemEntry(time, 'audit.begin', 'ok'), user })
    },

    /** What is no record yet, with a mac over it. */
    authenticate: <T extends Partial<AuditEntry>>(row: T): Authenticated<T> => ({ ...row, mac: rowMac(row) }),

    isAuthentic: ({ mac, ...row }: Authenticated<Partial<AuditEntry>>): boolean => macsEqual(mac, rowMac(row)),

    /** Tells of a row that was to become a record, and that nobody with the key had written. */
    forgedEntry: (time: number): AuditEntry => systemEntry(time, FORGED, 'failed'),

    /** Runs inside `database.write`: head read and record written are one. @returns what was written */
    append: (entry: AuditEntry): ChainLink => appendRecord(resolveHead(entry.time), entry),

    /** Removes the records up to this number, if it is one of the chain's. Runs inside `database.write`. */
    pruneUpTo(number: number): void {
      const last = store.find(number)
      if (!last || number <= (store.findMark('start')?.number ?? 0)) return
      putMark('start', number, last.mac)
      store.removeUpTo(number)
    },

    /** Reads the whole chain: best in a transaction, so that nobody appends meanwhile. */
    verify(): Verification {
      const findings: string[] = []
      const start = store.findMark('start')
      const head = store.findMark('head')
      if (!start || !hasValidSeal('start', start)) findings.push('The mark of the beginning was changed')
      const { count, lowest } = store.countUpTo(start?.number ?? 0)
      const restarted = start !== undefined && macsEqual(start.mac, EMPTY_MAC)
      if (count > 0 && !(restarted && (lowest ?? 0) > 0))
        findings.push(`${count} records before the first are not written by us`)
      findings.push(...findForeignTriggers())
      let last: ChainLink = { number: start?.number ?? 0, mac: start?.mac ?? EMPTY_MAC }
      let records = 0
      for (;;) {
        const batch = store.after(last.number, BATCH_SIZE)
        if (batch.length === 0) break
        for (const record of batch) {
          const finding = checkRecord(last, record)
          if (finding) findings.push(finding)
          last = record
          records += 1
        }
      }
      if (!head || !hasValidSeal('head', head)) findings.push('The mark of the end was changed')
      else if (head.number > last.number)
        findings.push(`${formatRange(last.number + 1, head.number)} missing at the end`)
      else if (head.number < last.number)
        findings.push(`${formatRange(head.number + 1, last.number)} not written by us`)
      else if (!macsEqual(head.mac, last.mac)) findings.push('The mark of the end does not fit the last record')
      return {
        records,
        earlier: restarted ? count : 0,
        newest: last.number,
        mac: Buffer.from(last.mac).toString('hex'),
        findings,
      }
    },
  }

  function resolveHead(time: number): ChainLink {
    const mark = store.findMark('head')
    const newest = store.newest() ?? { number: 0, mac: EMPTY_MAC }
    if (mark && hasValidSeal('head', mark) && mark.number >= newest.number) return mark
    // Somebody tampered with it. The chain goes on, and says so for ever.
    return appendRecord(newest, systemEntry(time, HEAD_MISMATCH, 'failed'))
  }

  function appendRecord(previous: ChainLink, entry: AuditEntry): ChainLink {
    const number = previous.number + 1
    const mac = computeMac(previous.mac, { ...entry, number })
    store.insert({ ...entry, number, mac })
    putMark('head', number, mac)
    return { number, mac }
  }

  function checkRecord(previous: ChainLink, record: AuditRecord): string | undefined {
    // After a gap there is nothing to hold the record against; the gap itself is the finding.
    if (record.number !== previous.number + 1) return `${formatRange(previous.number + 1, record.number - 1)} missing`
    if (!macsEqual(record.mac, computeMac(previous.mac, record))) return `Record ${record.number} was changed or moved`
    if (record.action === FORGED) return `Record ${record.number} stands for one that somebody else wrote`
    if (record.action === HEAD_MISMATCH)
      return `Record ${record.number} says that the end did not fit: look at what is before it`
    return undefined
  }

  /** Whatever else runs when a row is written could hide or change it. */
  function findForeignTriggers(): string[] {
    const existing = store.triggers()
    const missing = OWN_TRIGGERS.filter(sql => !existing.includes(sql)).map(
      () => 'A trigger that guards the records is gone',
    )
    return [
      ...missing,
      ...existing.filter(sql => !OWN_TRIGGERS.includes(sql)).map(() => 'A trigger is not written by us'),
    ]
  }

  function rowMac(row: Partial<AuditEntry>): Uint8Array {
    const { time, user, address, action, target, errorId = null, count = 1 } = row
    const text = JSON.stringify(['not yet', time, user, address, action, target, errorId, count])
    return createHmac('sha256', key.reveal()).update(text).digest()
  }

  function putMark(name: 'start' | 'head', number: number, mac: Uint8Array): void {
    store.saveMark(name, { number, mac, seal: computeSeal(name, number, mac) })
  }

  function hasValidSeal(name: 'start' | 'head', { number, mac, seal }: AuditMark): boolean {
    return macsEqual(seal, computeSeal(name, number, mac))
  }

  function computeSeal(name: 'start' | 'head', number: number, mac: Uint8Array): Uint8Array {
    return createHmac('sha256', key.reveal()).update(`${name} ${number} `).update(mac).digest()
  }

  function computeMac(previous: Uint8Array, record: Omit<AuditRecord, 'mac'>): Uint8Array {
    const { number, time, user, address, action, target, result, errorId, count } = record
    const text = JSON.stringify([number, time, user, address, action, target, result, errorId, count])
    return createHmac('sha256', key.reveal()).update(previous).update(text).digest()
  }
}

/** The action of the record that tells of a head that was tampered with. */
const HEAD_MISMATCH = 'audit.head-lost'
/** The action of the record in the place of a row that nobody with the key had written. */
const FORGED = 'audit.forged'
/** As the migration makes them, which is how SQLite keeps them. */
const OWN_TRIGGERS: readonly string[] = auditSchema.match(/CREATE TRIGGER [\s\S]*?\nEND/g) ?? []

/** What the audit says of itself. */
function systemEntry(time: number, action: string, result: AuditResult): AuditEntry {
  return { time, user: '', address: 'host', action, target: '', result, errorId: null, count: 1 }
}

function formatRange(from: number, to: number): string {
  return from >= to ? `Record ${from} is` : `Records ${from} to ${to} are`
}

function macsEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.byteLength === right.byteLength && timingSafeEqual(left, right)
}
