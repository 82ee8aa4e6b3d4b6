CREATE TABLE users (
  -- Keeps the order in which users came, whatever the clock said.
  number     INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT NOT NULL UNIQUE,
  username   TEXT NOT NULL UNIQUE COLLATE NOCASE,
  user_group TEXT NOT NULL CHECK (user_group IN ('viewer', 'manager', 'owner')),
  -- The TOTP secret, sealed and bound to the user's id.
  secret     BLOB NOT NULL,
  -- The newest time step of which a code was accepted (RFC 6238 section 5.2); it only ever grows for one secret.
  last_step  INTEGER NOT NULL DEFAULT -1,
  created_at INTEGER NOT NULL
) STRICT;

-- Exactly one owner in a system, whoever writes.
CREATE UNIQUE INDEX users_one_owner ON users (user_group) WHERE user_group = 'owner';

-- Times are milliseconds since 1970. Tokens are kept as SHA-256 only.
CREATE TABLE sessions (
  number             INTEGER PRIMARY KEY AUTOINCREMENT,
  id                 TEXT NOT NULL UNIQUE,
  user_id            TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at         INTEGER NOT NULL,
  -- From where and with what the user logged in, and when a token of the session was last seen (to the minute).
  address            TEXT NOT NULL,
  agent              TEXT NOT NULL,
  last_used_at       INTEGER NOT NULL,
  access_hash        BLOB NOT NULL UNIQUE,
  access_expires_at  INTEGER NOT NULL,
  refresh_hash       BLOB NOT NULL UNIQUE,
  refresh_expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id, number);

-- Refresh tokens that were exchanged for a new pair: one of them seen again means that a copy is in other hands.
CREATE TABLE rotated_refresh_tokens (
  hash       BLOB PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX rotated_refresh_tokens_by_session ON rotated_refresh_tokens (session_id);

-- Adds of droplets that have begun and not ended. What is left here after a crash is undone.
CREATE TABLE unfinished_adds (
  mark       TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  started_at INTEGER NOT NULL
) STRICT;

-- The latest time that tokens were measured by: the system's clock may be set back, what expires by it may not live longer.
CREATE TABLE clock_mark (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  time INTEGER NOT NULL
) STRICT;

-- A text sealed with the key of this system, by which a wrong key is found out before it does harm.
CREATE TABLE sealing_check (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  sealed BLOB NOT NULL
) STRICT;
