-- Codes that verify numbers. There were none yet.

DROP TABLE codes;
CREATE TABLE codes (
  ord         BIGINT PRIMARY KEY,
  user_hash   BIGINT NOT NULL,
  number_hash BIGINT NOT NULL,
  made_at     BIGINT NOT NULL,
  sent_at     BIGINT NOT NULL,
  expires     BIGINT NOT NULL,
  sends       SMALLINT NOT NULL,
  tries       SMALLINT NOT NULL,
  used        SMALLINT NOT NULL,
  jid         TEXT NOT NULL,   -- '' once its user is forgotten: what was sent still counts
  number      TEXT NOT NULL,   -- likewise
  prefix      TEXT NOT NULL,   -- of the number
  country     TEXT NOT NULL,
  language    TEXT NOT NULL,
  salt        TEXT NOT NULL    -- the code itself is not stored
);
CREATE INDEX codes_user ON codes (user_hash, made_at);
CREATE INDEX codes_newest ON codes (user_hash, ord);
CREATE INDEX codes_number ON codes (number_hash, made_at);
CREATE INDEX codes_country ON codes (country, made_at);
CREATE INDEX codes_made ON codes (made_at);

CREATE INDEX numbers_e164 ON numbers (e164);

-- 0: about messages, 1: a code, 2: an answer to STOP or START, 3: to a reply that is not clear.
ALTER TABLE texts RENAME COLUMN code TO kind;
