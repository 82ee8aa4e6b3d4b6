import { createHmac, timingSafeEqual } from 'node:crypto'
import type { AuditEntry, AuditMark, AuditRecord, AuditResult, AuditStore, Stamped } from '../store/audit.ts'
import type { Key } from '../store/key-file.ts'
import auditTables from '../store/migrations/0003-audit.sql' with { type: 'text' }

/** The mac before the first record of a chain. */
const NOTHING = new Uint8Array(32)
const READ_AT_ONCE = 1_000

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
type Link = Pick<AuditRecord, 'number' | 'mac'>

export type Chain = ReturnType<typeof createChain>

/**
 * Records that cannot be changed, removed or moved unseen by somebody without the key: each carries an HMAC-SHA-256 over
 * itself and the one before it (RFC 2104), and both ends of the chain are sealed by themselves.
 */
export function createChain(store: AuditStore, key: Key) {
  return {
    /** Whether there is a chain of this key. */
    isOurs(): boolean {
      const start = store.mark('start')
      return start !== undefined && isSealed('start', start)
    },

    /** Begins a chain after the records that there are, if any. Runs inside `database.write`. */
    begin(time: number, user: string): void {
      const number = store.newest()?.number ?? 0
      putMark('start', number, NOTHING)
      add({ number, mac: NOTHING }, { ...ofOurs(time, 'audit.begin', 'ok'), user })
    },

    /** What is no record yet, with a mac over it. */
    stamp: <T extends Partial<AuditEntry>>(row: T): Stamped<T> => ({ ...row, mac: stampOf(row) }),

    isStamped: ({ mac, ...row }: Stamped<Partial<AuditEntry>>): boolean => equal(mac, stampOf(row)),

    /** Tells of a row that was to become a record, and that nobody with the key had written. */
    forged: (time: number): AuditEntry => ofOurs(time, FORGED, 'failed'),

    /** Runs inside `database.write`: head read and record written are one. @returns what was written */
    append: (entry: AuditEntry): Link => add(head(entry.time), entry),

    /** Removes the records up to this number, if it is one of the chain's. Runs inside `database.write`. */
    pruneUpTo(number: number): void {
      const last = store.find(number)
      if (!last || number <= (store.mark('start')?.number ?? 0)) return
      putMark('start', number, last.mac)
      store.removeUpTo(number)
    },

    /** Reads the whole chain: best in a transaction, so that nobody appends meanwhile. */
    verify(): Verification {
      const findings: string[] = []
      const start = store.mark('start')
      const head = store.mark('head')
      if (!start || !isSealed('start', start)) findings.push('The mark of the beginning was changed')
      const { count, lowest } = store.atOrBefore(start?.number ?? 0)
      const restarted = start !== undefined && equal(start.mac, NOTHING)
      if (count > 0 && !(restarted && (lowest ?? 0) > 0))
        findings.push(`${count} records before the first are not written by us`)
      findings.push(...findForeignTriggers())
      let last: Link = { number: start?.number ?? 0, mac: start?.mac ?? NOTHING }
      let records = 0
      for (;;) {
        const batch = store.after(last.number, READ_AT_ONCE)
        if (batch.length === 0) break
        for (const record of batch) {
          const finding = compare(last, record)
          if (finding) findings.push(finding)
          last = record
          records += 1
        }
      }
      if (!head || !isSealed('head', head)) findings.push('The mark of the end was changed')
      else if (head.number > last.number) findings.push(`${range(last.number + 1, head.number)} missing at the end`)
      else if (head.number < last.number) findings.push(`${range(head.number + 1, last.number)} not written by us`)
      else if (!equal(head.mac, last.mac)) findings.push('The mark of the end does not fit the last record')
      return {
        records,
        earlier: restarted ? count : 0,
        newest: last.number,
        mac: Buffer.from(last.mac).toString('hex'),
        findings,
      }
    },
  }

  function head(time: number): Link {
    const mark = store.mark('head')
    const newest = store.newest() ?? { number: 0, mac: NOTHING }
    if (mark && isSealed('head', mark) && mark.number >= newest.number) return mark
    // Somebody tampered with it. The chain goes on, and says so for ever.
    return add(newest, ofOurs(time, HEAD_LOST, 'failed'))
  }

  function add(previous: Link, entry: AuditEntry): Link {
    const number = previous.number + 1
    const mac = macOf(previous.mac, { ...entry, number })
    store.insert({ ...entry, number, mac })
    putMark('head', number, mac)
    return { number, mac }
  }

  function compare(previous: Link, record: AuditRecord): string | undefined {
    // After a gap there is nothing to hold the record against; the gap itself is the finding.
    if (record.number !== previous.number + 1) return `${range(previous.number + 1, record.number - 1)} missing`
    if (!equal(record.mac, macOf(previous.mac, record))) return `Record ${record.number} was changed or moved`
    if (record.action === FORGED) return `Record ${record.number} stands for one that somebody else wrote`
    if (record.action === HEAD_LOST)
      return `Record ${record.number} says that the end did not fit: look at what is before it`
    return undefined
  }

  /** Whatever else runs when a row is written could hide or change it. */
  function findForeignTriggers(): string[] {
    const present = store.triggers()
    const ours = OWN_TRIGGERS.filter(sql => !present.includes(sql)).map(
      () => 'A trigger that guards the records is gone',
    )
    return [...ours, ...present.filter(sql => !OWN_TRIGGERS.includes(sql)).map(() => 'A trigger is not written by us')]
  }

  function stampOf(row: Partial<AuditEntry>): Uint8Array {
    const { time, user, address, action, target, errorId = null, count = 1 } = row
    const text = JSON.stringify(['not yet', time, user, address, action, target, errorId, count])
    return createHmac('sha256', key.reveal()).update(text).digest()
  }

  function putMark(name: 'start' | 'head', number: number, mac: Uint8Array): void {
    store.putMark(name, { number, mac, seal: sealOf(name, number, mac) })
  }

  function isSealed(name: 'start' | 'head', { number, mac, seal }: AuditMark): boolean {
    return equal(seal, sealOf(name, number, mac))
  }

  function sealOf(name: 'start' | 'head', number: number, mac: Uint8Array): Uint8Array {
    return createHmac('sha256', key.reveal()).update(`${name} ${number} `).update(mac).digest()
  }

  function macOf(previous: Uint8Array, record: Omit<AuditRecord, 'mac'>): Uint8Array {
    const { number, time, user, address, action, target, result, errorId, count } = record
    const text = JSON.stringify([number, time, user, address, action, target, result, errorId, count])
    return createHmac('sha256', key.reveal()).update(previous).update(text).digest()
  }
}

/** The action of the record that tells of a head that was tampered with. */
const HEAD_LOST = 'audit.head-lost'
/** The action of the record in the place of a row that nobody with the key had written. */
const FORGED = 'audit.forged'
/** As the migration makes them, which is how SQLite keeps them. */
const OWN_TRIGGERS: readonly string[] = auditTables.match(/CREATE TRIGGER [\s\S]*?\nEND/g) ?? []

/** What the audit says of itself. */
function ofOurs(time: number, action: string, result: AuditResult): AuditEntry {
  return { time, user: '', address: 'host', action, target: '', result, errorId: null, count: 1 }
}

function range(from: number, to: number): string {
  return from >= to ? `Record ${from} is` : `Records ${from} to ${to} are`
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.byteLength === right.byteLength && timingSafeEqual(left, right)
}
