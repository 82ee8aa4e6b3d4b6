import schema from './0001-schema.sql' with { type: 'text' }

export interface Migration {
  /** Position in the order, from 1 on without gaps. */
  id: number
  name: string
  sql: string
}

/** All migrations in order, embedded in the binary. A released migration never changes. */
export const migrations: readonly Migration[] = [{ id: 1, name: 'schema', sql: schema }]
