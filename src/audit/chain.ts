import { createHmac, timingSafeEqual } from 'node:crypto'
import type { AuditEntry, AuditRecord, AuditResult, AuditStore, Authenticated, ChainEnd } from '../store/audit.ts'
import type { Key } from '../store/key-file.ts'
import schema from '../store/migrations/0001-schema.sql' with { type: 'text' }

/** MAC before the first record of a chain. */
const EMPTY_MAC = new Uint8Array(32)
const BATCH_SIZE = 1_000

/** Action of the record that reports a changed head. */
const HEAD_MISMATCH = 'audit.head-lost'
/** Action of the record that replaces a row without a valid MAC. */
const FORGED = 'audit.forged'
/** SQLite stores triggers exactly as the schema defines them. */
const OWN_TRIGGERS: readonly string[] = schema.match(/CREATE TRIGGER audit_[\s\S]*?\nEND/g) ?? []

export interface Verification {
  /** Number of records in the chain. */
  records: number
  /** Records before the chain, signed with an earlier key: readable, but not verifiable. */
  earlier: number
  /** Number of the newest record; 0 for none. */
  newest: number
  /** MAC of the newest record in hex. A copy elsewhere detects that the whole chain was replaced by an older one. */
  mac: string
  /** Problems, as sentences with record numbers. */
  findings: string[]
}

/** The fields of a record that the next one depends on. */
type ChainLink = Pick<AuditRecord, 'number' | 'mac'>

export type Chain = ReturnType<typeof createChain>

/**
 * Tamper-evident records: each has an HMAC-SHA-256 (RFC 2104) over itself and the previous MAC, and both ends of the
 * chain are signed separately. Without the key, no record can be changed, removed or moved unnoticed.
 */
export function createChain(store: AuditStore, key: Key) {
  return {
    /** Whether there is a chain, and this key signed it. */
    matchesKey(): boolean {
      const start = store.findEnd('start')
      return start !== undefined && isSigned('start', start)
    },

    /** Starts a chain after the existing records, if any. Runs inside `database.write`. */
    start(time: number, user: string): void {
      const number = store.newest()?.number ?? 0
      saveEnd('start', number, EMPTY_MAC)
      appendRecord({ number, mac: EMPTY_MAC }, { ...systemEntry(time, 'audit.begin', 'ok'), user })
    },

    /** Adds a MAC to a row that is not a record yet. */
    authenticate: <T extends Partial<AuditEntry>>(row: T): Authenticated<T> => ({ ...row, mac: rowMac(row) }),

    isAuthentic: ({ mac, ...row }: Authenticated<Partial<AuditEntry>>): boolean => macsEqual(mac, rowMac(row)),

    /** The entry that replaces a row without a valid MAC. */
    forgedEntry: (time: number): AuditEntry => systemEntry(time, FORGED, 'failed'),

    /** Runs inside `database.write`, so that head and record are consistent. */
    append: (entry: AuditEntry): ChainLink => appendRecord(resolveHead(entry.time), entry),

    /** Removes the records of the chain up to this number. Runs inside `database.write`. */
    pruneUpTo(number: number): void {
      const last = store.find(number)
      if (!last || number <= (store.findEnd('start')?.number ?? 0)) return
      saveEnd('start', number, last.mac)
      store.removeUpTo(number)
    },

    /** Reads the whole chain. Run it in a transaction, so that nothing is appended in the meantime. */
    verify(): Verification {
      const start = store.findEnd('start')
      const { count, lowest } = store.countUpTo(start?.number ?? 0)
      const isRestarted = start !== undefined && macsEqual(start.mac, EMPTY_MAC)
      const findings = [...verifyStart(start, count, isRestarted && (lowest ?? 0) > 0), ...findTriggerProblems()]
      let last: ChainLink = { number: start?.number ?? 0, mac: start?.mac ?? EMPTY_MAC }
      let records = 0
      for (;;) {
        const batch = store.after(last.number, BATCH_SIZE)
        if (batch.length === 0) break
        for (const record of batch) {
          findings.push(...verifyRecord(last, record))
          last = record
          records += 1
        }
      }
      findings.push(...verifyHead(last))
      return {
        records,
        earlier: isRestarted ? count : 0,
        newest: last.number,
        mac: Buffer.from(last.mac).toString('hex'),
        findings,
      }
    },
  }

  function resolveHead(time: number): ChainLink {
    const head = store.findEnd('head')
    const newest = store.newest() ?? { number: 0, mac: EMPTY_MAC }
    if (head && isSigned('head', head) && head.number >= newest.number) return head
    // The head was changed. The chain continues with a permanent record of that.
    return appendRecord(newest, systemEntry(time, HEAD_MISMATCH, 'failed'))
  }

  function appendRecord(previous: ChainLink, entry: AuditEntry): ChainLink {
    const number = previous.number + 1
    const mac = computeMac(previous.mac, { ...entry, number })
    store.insert({ ...entry, number, mac })
    saveEnd('head', number, mac)
    return { number, mac }
  }

  function verifyStart(start: ChainEnd | undefined, recordsBefore: number, mayHaveRecordsBefore: boolean): string[] {
    return [
      ...(start && isSigned('start', start) ? [] : ['The start of the chain was changed']),
      ...(recordsBefore > 0 && !mayHaveRecordsBefore
        ? [`${recordsBefore} records before the start were not written by cikit-api`]
        : []),
    ]
  }

  function verifyRecord(previous: ChainLink, record: AuditRecord): string[] {
    // A record after a gap has no previous MAC to compare with; the gap is the finding.
    if (record.number !== previous.number + 1) return [`${formatRange(previous.number + 1, record.number - 1)} missing`]
    if (!macsEqual(record.mac, computeMac(previous.mac, record)))
      return [`Record ${record.number} was changed or moved`]
    if (record.action === FORGED) return [`Record ${record.number} replaces a forged one`]
    if (record.action === HEAD_MISMATCH)
      return [`Record ${record.number} reports that the head was changed: check the records before it`]
    return []
  }

  function verifyHead(last: ChainLink): string[] {
    const head = store.findEnd('head')
    if (!head || !isSigned('head', head)) return ['The head of the chain was changed']
    if (head.number > last.number) return [`${formatRange(last.number + 1, head.number)} missing at the end`]
    if (head.number < last.number) return [`${formatRange(head.number + 1, last.number)} not written by cikit-api`]
    return macsEqual(head.mac, last.mac) ? [] : ['The head of the chain does not match the last record']
  }

  /** Any other trigger could hide or change records. */
  function findTriggerProblems(): string[] {
    const existing = store.triggers()
    return [
      ...OWN_TRIGGERS.filter(sql => !existing.includes(sql)).map(
        () => 'A trigger that protects the records is missing',
      ),
      ...existing.filter(sql => !OWN_TRIGGERS.includes(sql)).map(() => 'A trigger was not created by cikit-api'),
    ]
  }

  function rowMac(row: Partial<AuditEntry>): Uint8Array {
    const { time, user, address, action, target, errorId = null, count = 1 } = row
    // The first element separates these MACs from those of records.
    const text = JSON.stringify(['not yet', time, user, address, action, target, errorId, count])
    return createHmac('sha256', key.reveal()).update(text).digest()
  }

  function saveEnd(name: 'start' | 'head', number: number, mac: Uint8Array): void {
    store.saveEnd(name, { number, mac, signature: sign(name, number, mac) })
  }

  function isSigned(name: 'start' | 'head', { number, mac, signature }: ChainEnd): boolean {
    return macsEqual(signature, sign(name, number, mac))
  }

  function sign(name: 'start' | 'head', number: number, mac: Uint8Array): Uint8Array {
    return createHmac('sha256', key.reveal()).update(`${name} ${number} `).update(mac).digest()
  }

  function computeMac(previous: Uint8Array, record: Omit<AuditRecord, 'mac'>): Uint8Array {
    const { number, time, user, address, action, target, result, errorId, count } = record
    const text = JSON.stringify([number, time, user, address, action, target, result, errorId, count])
    return createHmac('sha256', key.reveal()).update(previous).update(text).digest()
  }
}

/** An entry that the audit log writes about itself. */
function systemEntry(time: number, action: string, result: AuditResult): AuditEntry {
  return { time, user: '', address: 'host', action, target: '', result, errorId: null, count: 1 }
}

function formatRange(from: number, to: number): string {
  return from >= to ? `Record ${from} is` : `Records ${from} to ${to} are`
}

function macsEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.byteLength === right.byteLength && timingSafeEqual(left, right)
}
