-- What senders write themselves, and by which gateway they can send.

ALTER TABLE texts ADD COLUMN body TEXT NOT NULL DEFAULT '';    -- as its sender has written it; erased when it is sent
ALTER TABLE prefs ADD COLUMN gateway TEXT NOT NULL DEFAULT ''; -- a domain at which the user has an account
