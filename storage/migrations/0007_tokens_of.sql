-- A user's own tokens: they are bounded, and go with the user.
CREATE INDEX tokens_owner ON tokens (owner);
