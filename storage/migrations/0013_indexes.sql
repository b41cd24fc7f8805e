-- SQLite: fewer and smaller indexes. Each ends with the primary key anyway, so ord as a column was there twice; alarms, which
-- only open messages have, are found by the index of these.
DROP INDEX messages_hash; -- sqlite
DROP INDEX messages_open; -- sqlite
DROP INDEX messages_due; -- sqlite
CREATE INDEX messages_hash ON messages (hash); -- sqlite
CREATE INDEX messages_open ON messages (conv, due) WHERE unsettled = 1; -- sqlite
