package queue

// Shares counts what owners hold of a bounded resource, and who holds most, so that a flood costs its author. The zero Shares
// is empty. Its methods take constant time.
type Shares struct {
	held    map[string]int
	holders []map[string]bool // owners by how much they hold
	most    int
}

// Add changes what an owner holds by n, 1 or -1.
func (s *Shares) Add(owner string, n int) {
	if s.held == nil {
		s.held, s.holders = map[string]int{}, []map[string]bool{nil}
	}
	before := s.held[owner]
	now := before + n
	delete(s.holders[before], owner)
	if now == 0 {
		delete(s.held, owner)
	} else {
		if now == len(s.holders) {
			s.holders = append(s.holders, map[string]bool{})
		}
		s.held[owner], s.holders[now][owner] = now, true
	}
	for s.most = max(s.most, now); s.most > 0 && len(s.holders[s.most]) == 0; {
		s.most--
	}
}

// Of returns how much an owner holds.
func (s *Shares) Of(owner string) int { return s.held[owner] }

// Larger returns an owner who holds most. ok is false if the given owner, with one more, would hold as much: then
// nobody else has to make room.
func (s *Shares) Larger(than string) (owner string, ok bool) {
	if s.held[than]+1 >= s.most {
		return "", false
	}
	for owner = range s.holders[s.most] {
		return owner, true
	}
	return "", false
}
