package track

// Snapshot reads a prompt with its open messages, or a message, as they are between two facts. It changes nothing.
type Snapshot struct {
	Prompt string // either
	Ord    int64  // or

	Found    bool
	Was      Prompt    // of Prompt
	Messages []Message // those that are not settled; of Ord: the message, settled or not
}

func (p *Snapshot) want(_ *Ledger, w *Want) {
	if p.Prompt != "" {
		w.Prompts = append(w.Prompts, p.Prompt)
	} else {
		w.Ords = append(w.Ords, p.Ord)
	}
}

func (p *Snapshot) apply(b *batch) {
	p.Found, p.Messages = false, nil
	if p.Prompt == "" {
		if r := b.rows[p.Ord]; r != nil {
			p.Found, p.Messages = true, []Message{r.Message}
		}
		return
	}
	if w := b.prompts[p.Prompt]; w != nil {
		p.Found, p.Was, p.Messages = true, w.Prompt, b.asked(w)
	}
}

// Empty reports whether a batch has changed nothing.
func (c *Changes) Empty() bool {
	return len(c.Insert)+len(c.Update)+len(c.Prompts)+len(c.Peers)+len(c.Outbox)+len(c.Done)+len(c.Told)+len(c.Releases) == 0
}

// Pending is how many messages are watched and not settled.
func (l *Ledger) Pending() int { return l.total }
