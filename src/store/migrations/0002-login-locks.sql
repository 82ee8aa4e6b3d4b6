-- Failures of those who show a secret, by lane: an address, a user as seen from one address that it proved before or
-- from one session, or the bucket of names that strangers are counted by. Times are milliseconds since 1970.
CREATE TABLE lanes (
  lane             TEXT PRIMARY KEY,
  -- Without a success in between.
  consecutive      INTEGER NOT NULL,
  locked_until     INTEGER NOT NULL,
  -- All failures since the window began.
  window_failures  INTEGER NOT NULL,
  window_starts_at INTEGER NOT NULL,
  last_failure_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX lanes_by_age ON lanes (last_failure_at);

-- From where a user has logged in.
CREATE TABLE proven_addresses (
  user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  address      TEXT NOT NULL,
  last_used_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, address)
) STRICT, WITHOUT ROWID;
