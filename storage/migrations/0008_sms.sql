-- SMS that the component sends itself.

ALTER TABLE messages ADD COLUMN sms TEXT NOT NULL DEFAULT ''; -- of the notice, too

CREATE TABLE texts (
  ord         BIGINT PRIMARY KEY,
  conv        BIGINT NOT NULL,    -- of sender (upper half) and recipient
  sender_hash BIGINT NOT NULL,
  state       SMALLINT NOT NULL,
  code        SMALLINT NOT NULL,  -- 1: a code that verifies a number
  segments    SMALLINT NOT NULL,
  parts       SMALLINT NOT NULL,
  answered    SMALLINT NOT NULL,
  queued_at   BIGINT NOT NULL,
  sent_at     BIGINT NOT NULL,
  ended_at    BIGINT NOT NULL,
  id          TEXT NOT NULL UNIQUE,
  sender      TEXT NOT NULL,
  recipient   TEXT NOT NULL,
  messages    TEXT NOT NULL,
  prompt      TEXT NOT NULL,
  number      TEXT NOT NULL,
  route       TEXT NOT NULL,
  sent_from   TEXT NOT NULL
);
CREATE UNIQUE INDEX texts_live ON texts (conv) WHERE state < 3;
CREATE INDEX texts_number ON texts (number, queued_at);
CREATE INDEX texts_sender ON texts (sender_hash, queued_at);
CREATE INDEX texts_queued ON texts (queued_at, segments);

-- Parts that providers report by themselves.
CREATE TABLE text_parts (
  hash  BIGINT PRIMARY KEY, -- of route and id
  ord   BIGINT NOT NULL,    -- of the SMS
  state SMALLINT NOT NULL,
  route TEXT NOT NULL,
  id    TEXT NOT NULL,
  text  TEXT NOT NULL
);
CREATE INDEX text_parts_ord ON text_parts (ord);

-- Numbers whose owners want no SMS, whoever they are. Nothing takes them out but their owner or an admin.
CREATE TABLE stops (
  at         BIGINT NOT NULL,
  hash       TEXT PRIMARY KEY,   -- of the number, keyed by the database's secret
  stopped_by TEXT NOT NULL,
  route      TEXT NOT NULL
);

-- Codes that verify numbers.
CREATE TABLE codes (
  ord      BIGINT PRIMARY KEY,
  made_at  BIGINT NOT NULL,
  expires  BIGINT NOT NULL,
  sends    SMALLINT NOT NULL,
  tries    SMALLINT NOT NULL,
  used     SMALLINT NOT NULL,
  jid      TEXT NOT NULL,
  number   TEXT NOT NULL,
  country  TEXT NOT NULL,
  digest   TEXT NOT NULL
);
CREATE INDEX codes_jid ON codes (jid, made_at);
CREATE INDEX codes_number ON codes (number, made_at);
CREATE INDEX codes_country ON codes (country, made_at);
CREATE INDEX codes_made ON codes (made_at);

-- Replies that were taken in.
CREATE TABLE replies_seen (
  hash  BIGINT PRIMARY KEY, -- of route and id
  at    BIGINT NOT NULL,
  route TEXT NOT NULL,
  id    TEXT NOT NULL
);
CREATE INDEX replies_seen_at ON replies_seen (at);
