-- A new secret on its way to a user, one at a time. The present secret is good until the new one takes effect.
CREATE TABLE enrolments (
  user_id    TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  -- SHA-256 of the link's token. It shows the secret once, and then proves who confirms it.
  token_hash BLOB NOT NULL UNIQUE,
  -- Milliseconds since 1970.
  expires_at INTEGER NOT NULL,
  -- The secret that was shown, sealed and bound to the user's id; NULL for a link that nobody has used.
  secret     BLOB
) STRICT, WITHOUT ROWID;

-- What a user without its phone buys an enrolment with, each for one use; SHA-256 only.
CREATE TABLE recovery_codes (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  hash    BLOB NOT NULL,
  -- 1 for those that were shown with a secret that has not taken effect yet.
  pending INTEGER NOT NULL CHECK (pending IN (0, 1)),
  PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;
