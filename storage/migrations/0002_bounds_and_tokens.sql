-- What comes from outside is indexed by its hash alone, and a holder proves itself by a token. The hashes are filled in
-- between the two parts of this script.

ALTER TABLE prompts ADD COLUMN sender_hash BIGINT NOT NULL DEFAULT 0;
ALTER TABLE prompts ADD COLUMN recipient_hash BIGINT NOT NULL DEFAULT 0;
ALTER TABLE releases ADD COLUMN owner_hash BIGINT NOT NULL DEFAULT 0;
ALTER TABLE releases ADD COLUMN hash BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN owner_hash BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN contact_hash BIGINT NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN hash BIGINT NOT NULL DEFAULT 0;

-- hashes

DROP INDEX prompts_live;
DROP INDEX prompts_sender;
DROP INDEX prompts_recipient;
CREATE UNIQUE INDEX prompts_live ON prompts (sender_hash, recipient_hash) WHERE state < 3;
CREATE INDEX prompts_sender ON prompts (sender_hash, opened_at);
CREATE INDEX prompts_recipient ON prompts (recipient_hash, opened_at);
CREATE INDEX prompts_opened ON prompts (opened_at);

ALTER TABLE releases RENAME TO releases_1;
CREATE TABLE releases (
  owner_hash BIGINT NOT NULL,
  hash       BIGINT NOT NULL,      -- of receiver and id
  at         BIGINT NOT NULL,
  owner      TEXT NOT NULL,
  receiver   TEXT NOT NULL,
  number     TEXT NOT NULL,
  id         TEXT NOT NULL,
  UNIQUE (owner_hash, hash)
);
INSERT INTO releases SELECT owner_hash, hash, at, owner, receiver, number, id FROM releases_1 WHERE true ON CONFLICT DO NOTHING;
DROP TABLE releases_1;
CREATE INDEX releases_at ON releases (at);

ALTER TABLE contacts RENAME TO contacts_1;
CREATE TABLE contacts (
  owner_hash   BIGINT NOT NULL,
  contact_hash BIGINT NOT NULL,
  muted        SMALLINT NOT NULL,
  hidden       SMALLINT NOT NULL,
  owner        TEXT NOT NULL,
  contact      TEXT NOT NULL,
  UNIQUE (owner_hash, contact_hash)
);
INSERT INTO contacts SELECT owner_hash, contact_hash, muted, hidden, owner, contact FROM contacts_1 WHERE true ON CONFLICT DO NOTHING;
DROP TABLE contacts_1;

ALTER TABLE devices RENAME TO devices_1;
CREATE TABLE devices (
  hash     BIGINT PRIMARY KEY,     -- of the bare JID (upper half) and the resource
  features BIGINT NOT NULL,
  at       BIGINT NOT NULL,
  jid      TEXT NOT NULL
);
INSERT INTO devices SELECT hash, features, at, jid FROM devices_1 WHERE true ON CONFLICT DO NOTHING;
DROP TABLE devices_1;

-- Events that an instance had not written when another one took over: the live one takes them from here.
CREATE TABLE handover (
  pos    BIGINT PRIMARY KEY,
  events TEXT NOT NULL             -- JSON
);

-- The token is the holder's own, and names its hold; commits counts what was ever committed.
ALTER TABLE holder ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE holder ADD COLUMN commits BIGINT NOT NULL DEFAULT 0;
ALTER TABLE holder ADD COLUMN last_ord BIGINT NOT NULL DEFAULT 0; -- greatest that was ever stored, as last_rev
ALTER TABLE holder ADD COLUMN last_rev BIGINT NOT NULL DEFAULT 0;
ALTER TABLE holder DROP COLUMN epoch;
UPDATE holder SET last_ord = (SELECT coalesce(max(CAST(value AS BIGINT)), 0) FROM meta WHERE key = 'last-ord'),
  last_rev = (SELECT coalesce(max(CAST(value AS BIGINT)), 0) FROM meta WHERE key = 'last-rev');
DELETE FROM meta WHERE key IN ('last-ord', 'last-rev');
