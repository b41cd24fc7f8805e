-- Refusals are of conversations, and outlive the messages that were refused.
ALTER TABLE pairs ADD COLUMN refused BIGINT NOT NULL DEFAULT 0; -- ord of the newest message refused, if none has arrived since
INSERT INTO pairs (conv, receipts, arrivals, markers, unasked, past, sealed_receipts, sealed_markers, unconfirmed, unmarked, counted_at, sender, recipient, device, refused)
  SELECT conv, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, min(sender), min(recipient), '', max(ord) FROM messages
  WHERE unsettled IN (1, 2) AND (marks & 4194304) <> 0 GROUP BY conv
  ON CONFLICT (conv) DO UPDATE SET refused = excluded.refused;
UPDATE messages SET marks = marks - 4194304 WHERE (marks & 4194304) <> 0;
