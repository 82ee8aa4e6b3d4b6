-- Changes of droplets: what is asked for is here before anything is done, and what came of it for 7 days after that.
-- Times are milliseconds since 1970.
CREATE TABLE operations (
  -- The order in which they came.
  number     INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT NOT NULL UNIQUE,
  kind       TEXT NOT NULL CHECK (kind IN ('add', 'start', 'stop', 'restart', 'delete')),
  -- Its name; null for an add that came to none.
  droplet    TEXT,
  -- Which one of that name it was asked for.
  droplet_id TEXT,
  user       TEXT NOT NULL,
  address    TEXT NOT NULL,
  action     TEXT NOT NULL,
  state      TEXT NOT NULL CHECK (state IN ('open', 'done', 'failed', 'cancelled')),
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at   INTEGER,
  -- JSON.
  steps      TEXT NOT NULL,
  error_id   INTEGER,
  error      TEXT,
  -- The Idempotency-Key it was asked for with, whose that is, and what was asked with it, both as SHA-256.
  user_id     TEXT,
  key         BLOB,
  fingerprint BLOB,
  UNIQUE (user_id, key)
) STRICT;

CREATE INDEX operations_open ON operations (number) WHERE state = 'open';
CREATE INDEX operations_by_end ON operations (ended_at);
