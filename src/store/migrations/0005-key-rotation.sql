-- SHA-256 of the sealing key (256 random bits, so that it tells nothing of them): which of two key files is the one,
-- when a rotation was interrupted.
ALTER TABLE sealing_check ADD COLUMN key_hash BLOB;
