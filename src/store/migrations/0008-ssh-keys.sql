-- Public SSH keys of people, which are let into the droplets that they add. Times are milliseconds since 1970.
CREATE TABLE ssh_keys (
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  -- As a line of authorized_keys has it.
  line       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (user_id, line)
) STRICT;
