-- What was done on this system and what was refused. Each record's mac covers the record and the mac before it, so that
-- none can be changed, taken out or moved without the key. Times are milliseconds since 1970.
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
  -- More than 1 where refusals were counted up.
  count    INTEGER NOT NULL,
  mac      BLOB NOT NULL
) STRICT;

-- Where the chain begins (the last record that was pruned, 0 for none) and where it ends, each sealed with the key by
-- itself: a tail that was cut off does not fit the head.
CREATE TABLE audit_marks (
  name   TEXT PRIMARY KEY CHECK (name IN ('start', 'head')),
  number INTEGER NOT NULL,
  mac    BLOB NOT NULL,
  seal   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
  SELECT raise(ABORT, 'a record of the audit is never changed');
END;

CREATE TRIGGER audit_is_only_pruned BEFORE DELETE ON audit
WHEN old.number > (SELECT number FROM audit_marks WHERE name = 'start')
BEGIN
  SELECT raise(ABORT, 'a record of the audit is never removed but by pruning');
END;

-- Refusals that are still counted up, before they become a record.
CREATE TABLE audit_refusals (
  -- Keeps the order in which they began.
  number   INTEGER PRIMARY KEY,
  key      TEXT NOT NULL UNIQUE,
  since    INTEGER NOT NULL,
  user     TEXT NOT NULL,
  address  TEXT NOT NULL,
  action   TEXT NOT NULL,
  target   TEXT NOT NULL,
  error_id INTEGER,
  count    INTEGER NOT NULL,
  -- Over the row, with the key of the records.
  mac      BLOB NOT NULL
) STRICT;

-- Work outside of the database that has begun and not ended. What is left here after a crash was interrupted.
CREATE TABLE audit_begun (
  id      TEXT PRIMARY KEY,
  time    INTEGER NOT NULL,
  user    TEXT NOT NULL,
  address TEXT NOT NULL,
  action  TEXT NOT NULL,
  target  TEXT NOT NULL,
  mac     BLOB NOT NULL
) STRICT, WITHOUT ROWID;
