-- Replies by SMS.

ALTER TABLE texts ADD COLUMN tag SMALLINT NOT NULL DEFAULT 0; -- the digits by which a reply names its conversation, of several by one number
ALTER TABLE outbox ADD COLUMN text TEXT NOT NULL DEFAULT '';  -- of a reply, until it is handed on
