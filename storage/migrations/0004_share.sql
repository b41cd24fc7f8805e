-- Who may see a number that its owner has released: 0 everybody who is asked to use it, 1 contacts only.
ALTER TABLE prefs ADD COLUMN share SMALLINT NOT NULL DEFAULT 0;
