-- Rows as the first release wrote them: see TestUpgrade.
INSERT INTO meta (key, value) VALUES ('secret', '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
INSERT INTO messages (ord, hash, conv, unsettled, kind, original, status, marks, sent_at, delivered_at, timeout_at, settled_at, until, timeout, priority, escalate,
  step, due, seq, told, rev, notice_at, sender, recipient, id, resource, lang, text, why, prompt, state, basis, further)
VALUES (1882193920000000000, 6814268342358351193, 6814268343897722723, 1, 0, 0, 1, 513, 1795000000000, 1795000001000, 1795000600000, 0, 0, 600, 3, 0,
  1, 0, 2, 1, 7, 1795000600000, 'alice@example.org', 'bob@example.org', 'm1', 'phone', 'en', 'Are you there?', 'prompted', 'p-1', 'timeout-unread', 'timer', '');
INSERT INTO prompts (ord, state, covered, undelivered, priority, opened_at, expires_at, until, snoozes, sends, sent_at, resend, due, id, sender, recipient,
  withdrew, messages, claimer, code, shown, chat)
VALUES (1882194549145600000, 0, 1, 0, 0, 1795000600000, 1795004200000, 0, 0, 1, 1795000600000, 0, 1795004200000, 'p-1', 'alice@example.org', 'bob@example.org',
  '', '[1882193920000000000]', '', '7f3c', '["alice@example.org/phone"]', '');
INSERT INTO numbers (consent, verified, at, jid, e164, source) VALUES (1, 0, 1795000000000, 'bob@example.org', '+8613800138000', 'admin');
INSERT INTO meta (key, value) VALUES ('last-ord', '1882194549145600000'), ('last-rev', '7');
INSERT INTO contacts (muted, hidden, owner, contact) VALUES (1, 0, 'alice@example.org', 'bob@example.org');
INSERT INTO devices (features, at, jid) VALUES (3, 1795000000000, 'alice@example.org/phone');
INSERT INTO releases (at, owner, receiver, number, id) VALUES (1795000600000, 'bob@example.org', 'alice@example.org', '+8613800138000', 'm1');
