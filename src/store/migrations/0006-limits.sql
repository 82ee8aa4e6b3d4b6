-- By which names fall into the buckets that strangers are counted by: else anybody could find out who shares one.
CREATE TABLE bucket_salt (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  salt BLOB NOT NULL
) STRICT;

INSERT INTO bucket_salt (one, salt) VALUES (1, randomblob(32));

-- The order in which the refresh tokens of a session were exchanged: the oldest are forgotten.
ALTER TABLE rotated_refresh_tokens ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
DROP INDEX rotated_refresh_tokens_by_session;
CREATE INDEX rotated_refresh_tokens_by_session ON rotated_refresh_tokens (session_id, number);
