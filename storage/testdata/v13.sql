-- Rows as version 13 of the schema has them: see TestUpgrade.
INSERT INTO meta (key, value) VALUES ('secret', '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
INSERT INTO messages (ord, hash, conv, unsettled, kind, original, status, marks, sent_at, delivered_at, timeout_at, settled_at, until, timeout, priority, escalate,
  step, due, seq, told, rev, notice_at, sender, recipient, id, resource, lang, text, why, prompt, state, basis, further,
  standing, there, delivery_rule, reading_rule, handed_at, sms)
VALUES (1882193920000000000, 6814268342358351193, 6814268343897722723, 1, 0, 0, 1, 513, 1795000000000, 1795000001000, 1795000600000, 0, 0, 600, 3, 0,
  1, 0, 2, 1, 7, 1795000600000, 'alice@example.org', 'bob@example.org', 'm1', 'phone', 'en', 'Are you there?', 'prompted', 'p-1', 'timeout-unread', 'timer', '',
  3, 2, 6, 7, 1795000000500, 'unsure');
INSERT INTO prompts (ord, state, covered, undelivered, priority, opened_at, expires_at, until, snoozes, sends, sent_at, resend, due, id, sender, recipient,
  withdrew, messages, claimer, code, shown, chat, sender_hash, recipient_hash)
VALUES (1882194549145600000, 0, 1, 0, 0, 1795000600000, 1795004200000, 0, 0, 1, 1795000600000, 0, 1795004200000, 'p-1', 'alice@example.org', 'bob@example.org',
  '', '[1882193920000000000]', '', '7f3c', '["alice@example.org/phone"]', '', 6814268345214804606, -8487438788162846808);
INSERT INTO numbers (consent, verified, at, jid, e164, source) VALUES (1, 0, 1795000000000, 'bob@example.org', '+8613800138000', 'admin');
UPDATE holder SET last_ord = 1882194549145600000, last_rev = 7, commits = 12;
INSERT INTO contacts (owner_hash, contact_hash, muted, hidden, owner, contact) VALUES (6814268345214804606, -8487438788162846808, 1, 0, 'alice@example.org', 'bob@example.org');
INSERT INTO devices (hash, features, at, jid) VALUES (6814268342349020311, 3, 1795000000000, 'alice@example.org/phone');
INSERT INTO releases (owner_hash, hash, at, owner, receiver, number, id) VALUES (-8487438788162846808, 6726488083614770707, 1795000600000, 'bob@example.org', 'alice@example.org', '+8613800138000', 'm1');
INSERT INTO peers (receipts, markers, acks, came_at, managed, announces, refusals, jid) VALUES (1795000000100, 1795000000200, 1795000000300, 1795000000400, 2, 1, 0, 'bob@example.org'),
  (0, 0, 0, 0, 0, 0, 1, 'alice@example.org');
INSERT INTO removed (ord, jid) VALUES (1882193920000000000, 'carol@example.org');
INSERT INTO pairs (conv, receipts, arrivals, markers, unasked, past, sealed_receipts, sealed_markers, unconfirmed, unmarked, counted_at, sender, recipient, device, refused)
VALUES (6814268343897722723, 1795000000001, 1795000000002, 1795000000003, 1795000000004, 1795000000005, 1795000000006, 1795000000007, 1, 2, 1795000000008,
  'alice@example.org', 'bob@example.org', 'phone', 1882193920000000000);
INSERT INTO prefs (mode, undelivered_after, unread_after, fallback, watch, sync, share, jid, quiet, zone, language, text, gateway)
VALUES (1, 30000, 60000, 1, 2, 2, 1, 'bob@example.org', '22:00-07:00', 'Asia/Shanghai', 'zh', 'notice', 'cheogram.com');
INSERT INTO tokens (hash, expires, purpose, owner, prompt) VALUES ('5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef', 1795086400000, 'prompt', 'alice@example.org', 'p-1');
INSERT INTO texts (ord, conv, sender_hash, state, kind, segments, parts, answered, queued_at, sent_at, ended_at, id, sender, recipient, messages, prompt, number, route, sent_from, tag, body)
VALUES (1882194549145600001, 6814268343897722723, 6814268345214804606, 2, 0, 1, 1, 1, 1795000600000, 1795000600001, 0, '0123456789abcdef0123456789abcdef', 'alice@example.org',
  'bob@example.org', '[1882193920000000000]', 'p-1', '+8613800138000', 'carrier', '+8613900139000', 2, 'Call me, please');
INSERT INTO outbox (pos, ord, after, step, tries, id, kind, owner, prompt, reason, recipients, text)
VALUES (1, 1882193920000000000, 1795000700000, 0, 0, 'r-1', 'reply', 'alice@example.org', '', '', '["bob@example.org"]', 'On my way');
INSERT INTO replies_seen (hash, at, route, id) VALUES (-6645763664942722825, 1795000700000, 'carrier', 'r1');
INSERT INTO codes (ord, user_hash, number_hash, made_at, sent_at, expires, sends, tries, used, jid, number, prefix, country, language, salt)
VALUES (1882194549145600002, -8487438788162846808, 1, 1795000600000, 1795000600000, 1795001200000, 1, 2, 0, 'bob@example.org', '+8613800138000', '+861380013', 'CN', 'zh',
  '00112233445566778899aabbccddeeff');
