-- Links to pages: what names them is stored as a hash.
CREATE TABLE tokens (
  hash    TEXT PRIMARY KEY,          -- SHA-256 of the token, in hexadecimal
  expires BIGINT NOT NULL,
  purpose TEXT NOT NULL,
  owner   TEXT NOT NULL,
  prompt  TEXT NOT NULL
);
CREATE INDEX tokens_expires ON tokens (expires);
