-- All times are milliseconds since 1970 (UTC).

CREATE TABLE users (
  -- Order of creation, independent of the clock.
  number     INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  username   TEXT NOT NULL UNIQUE COLLATE NOCASE,
  user_group TEXT NOT NULL CHECK (user_group IN ('viewer', 'manager', 'owner')),
  -- TOTP secret, encrypted and bound to the user's id.
  secret     BLOB NOT NULL,
  -- Newest time step whose code was accepted (RFC 6238 section 5.2); never decreases while the secret stays the same.
  last_step  INTEGER NOT NULL DEFAULT -1,
  created_at INTEGER NOT NULL
) STRICT;

-- At most one owner, whichever process writes.
CREATE UNIQUE INDEX users_one_owner ON users (user_group) WHERE user_group = 'owner';

-- Tokens are stored as SHA-256 only. Every login writes this table and each of its indexes: keep them few.
CREATE TABLE sessions (
  id                 TEXT PRIMARY KEY,
  user_id            TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  -- Order of the user's logins, independent of the clock.
  number             INTEGER NOT NULL,
  created_at         INTEGER NOT NULL,
  -- Address and user agent at login.
  address            TEXT NOT NULL,
  agent              TEXT NOT NULL,
  -- To the minute.
  last_used_at       INTEGER NOT NULL,
  access_hash        BLOB NOT NULL UNIQUE,
  access_expires_at  INTEGER NOT NULL,
  refresh_hash       BLOB NOT NULL UNIQUE,
  refresh_expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id, number);

-- Refresh tokens that were exchanged for a new pair. Reuse of one means that the token was copied (RFC 9700 section 4.14).
CREATE TABLE rotated_refresh_tokens (
  hash       BLOB PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  -- Order of the exchanges of a session: the oldest are removed.
  number     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX rotated_refresh_tokens_by_session ON rotated_refresh_tokens (session_id, number);

-- Droplets whose creation has started and not ended. Entries left by a crash are rolled back.
CREATE TABLE provisioning_journal (
  mark       TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  started_at INTEGER NOT NULL
) STRICT;

-- Latest time that token lifetimes were measured by: setting the system clock back must not extend them.
CREATE TABLE clock_high_water_mark (
  id   INTEGER PRIMARY KEY CHECK (id = 1),
  time INTEGER NOT NULL
) STRICT;

-- Detects a wrong encryption key before it does harm.
CREATE TABLE encryption_key_check (
  id        INTEGER PRIMARY KEY CHECK (id = 1),
  -- A known text, encrypted with the key.
  encrypted BLOB NOT NULL,
  -- SHA-256 of the key (256 random bits): identifies the right key file after an interrupted rotation.
  key_hash  BLOB NOT NULL
) STRICT;

-- Authentication failures. A bucket is an address, a user seen from a known address or session, or a hash of the
-- username for anonymous callers.
CREATE TABLE throttle_buckets (
  bucket           TEXT PRIMARY KEY,
  -- Since the last success.
  consecutive      INTEGER NOT NULL,
  locked_until     INTEGER NOT NULL,
  -- Since the start of the window.
  window_failures  INTEGER NOT NULL,
  window_starts_at INTEGER NOT NULL,
  last_failure_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX throttle_buckets_by_last_failure ON throttle_buckets (last_failure_at);

-- Keys the hash of usernames, so that nobody can predict which names share a bucket.
CREATE TABLE throttle_salt (
  id   INTEGER PRIMARY KEY CHECK (id = 1),
  salt BLOB NOT NULL
) STRICT;

INSERT INTO throttle_salt (id, salt) VALUES (1, randomblob(32));

-- Addresses from which a user has logged in.
CREATE TABLE known_addresses (
  user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  address      TEXT NOT NULL,
  -- To the hour.
  last_used_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, address)
) STRICT, WITHOUT ROWID;

-- Audit log. The MAC of a record covers the record and the previous MAC, so that without the key no record can be
-- changed, removed or moved unnoticed.
CREATE TABLE audit (
  -- From 1 on without gaps.
  number   INTEGER PRIMARY KEY,
  time     INTEGER NOT NULL,
  user     TEXT NOT NULL,
  address  TEXT NOT NULL,
  action   TEXT NOT NULL,
  target   TEXT NOT NULL,
  result   TEXT NOT NULL,
  error_id INTEGER,
  -- More than 1 for aggregated denials.
  count    INTEGER NOT NULL,
  mac      BLOB NOT NULL
) STRICT;

-- Start (the last pruned record, 0 for none) and head of the chain, each signed with the key: a truncated chain does
-- not match its head.
CREATE TABLE audit_chain_ends (
  name      TEXT PRIMARY KEY CHECK (name IN ('start', 'head')),
  number    INTEGER NOT NULL,
  mac       BLOB NOT NULL,
  signature BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_reject_update BEFORE UPDATE ON audit
BEGIN
  SELECT raise(ABORT, 'audit records cannot be changed');
END;

CREATE TRIGGER audit_reject_delete BEFORE DELETE ON audit
WHEN old.number > (SELECT number FROM audit_chain_ends WHERE name = 'start')
BEGIN
  SELECT raise(ABORT, 'audit records can only be removed by pruning');
END;

-- Denials that are still being aggregated and are not records yet.
CREATE TABLE audit_denials (
  -- Order of the first denial of each.
  number   INTEGER PRIMARY KEY,
  key      TEXT NOT NULL UNIQUE,
  since    INTEGER NOT NULL,
  user     TEXT NOT NULL,
  address  TEXT NOT NULL,
  action   TEXT NOT NULL,
  target   TEXT NOT NULL,
  error_id INTEGER,
  count    INTEGER NOT NULL,
  -- Over the row, with the key of the chain.
  mac      BLOB NOT NULL
) STRICT;

-- Work outside the database that has started and not ended. Entries left by a crash become `interrupted` records.
CREATE TABLE audit_pending (
  id      TEXT PRIMARY KEY,
  time    INTEGER NOT NULL,
  user    TEXT NOT NULL,
  address TEXT NOT NULL,
  action  TEXT NOT NULL,
  target  TEXT NOT NULL,
  mac     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- A new TOTP secret on its way to a user, at most one each. The current secret stays valid until the new one is activated.
CREATE TABLE enrolments (
  user_id    TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  -- SHA-256 of the link's token, which shows the secret once and then authenticates the confirmation.
  token_hash BLOB NOT NULL UNIQUE,
  expires_at INTEGER NOT NULL,
  -- The secret that was shown, encrypted and bound to the user's id; NULL until the link is used.
  secret     BLOB
) STRICT, WITHOUT ROWID;

-- One-time codes for users without their phone; SHA-256 only.
CREATE TABLE recovery_codes (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  hash    BLOB NOT NULL,
  -- 1 for codes that were shown with a secret that is not active yet.
  pending INTEGER NOT NULL CHECK (pending IN (0, 1)),
  PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;

-- Changes of droplets: stored before anything is done, and retained for 7 days after the end.
CREATE TABLE operations (
  -- Order of the requests.
  number     INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  kind       TEXT NOT NULL CHECK (kind IN ('add', 'start', 'stop', 'restart', 'delete')),
  -- Name; NULL for an add that chose none.
  droplet    TEXT,
  -- The engine's id of the droplet, since a name can be used again.
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
  -- The request's Idempotency-Key, its user, and a fingerprint of the request; key and fingerprint are SHA-256.
  user_id     TEXT,
  key         BLOB,
  fingerprint BLOB,
  UNIQUE (user_id, key)
) STRICT;

CREATE INDEX operations_open ON operations (number) WHERE state = 'open';
CREATE INDEX operations_by_end ON operations (ended_at);

-- Public SSH keys of users, installed in the droplets that they add.
CREATE TABLE ssh_keys (
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  -- In the format of authorized_keys.
  line       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (user_id, line)
) STRICT;
