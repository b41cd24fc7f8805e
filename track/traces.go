package track

// Probe names what to load to find out by In whether the result was stored.
func (r *Result) Probe() Want {
	var w Want
	switch {
	case len(r.Insert) > 0:
		w.Ords = []int64{r.Insert[0].Ord}
	case len(r.Update) > 0:
		w.Ords = []int64{r.Update[0].Ord}
	case len(r.Prompts) > 0:
		w.Prompts = []string{r.Prompts[0].ID}
	}
	return w
}

// Matches reports whether loaded, which is what Traces names, is as the result made it: a transaction is stored as a whole or
// not at all. What leaves no trace may be done twice.
func (r *Result) Matches(loaded Loaded) bool {
	for i := range loaded.Messages {
		m := &loaded.Messages[i]
		switch {
		case len(r.Insert) > 0:
			if m.Ord == r.Insert[0].Ord { // orders are never given out again
				return true
			}
		case len(r.Update) > 0:
			if m.Ord == r.Update[0].Ord {
				return m.looks() == r.Update[0].looks()
			}
		}
	}
	if len(r.Insert) > 0 || len(r.Update) > 0 || len(r.Prompts) == 0 || len(r.Releases) > 0 {
		return false // a prompt that is shown once more may look as before: that it is may be noted twice
	}
	for i := range loaded.Prompts {
		if p, q := &loaded.Prompts[i], &r.Prompts[0]; p.ID == q.ID {
			return p.State == q.State && p.Until == q.Until && p.Covered == q.Covered && p.Sends == q.Sends && p.Resend == q.Resend &&
				len(p.Shown) == len(q.Shown) && len(p.Messages) == len(q.Messages) && p.Claimer == q.Claimer && p.Due == q.Due
		}
	}
	return false
}

// looks is a message without what is written beside the ledger.
func (m Message) looks() Message {
	m.Notice.Told = 0
	return m
}
