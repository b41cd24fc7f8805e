package phrase

// Orders are the answers to what a person asks of the contact in a chat, beside those to prompts.
type Orders struct {
	About string            // what this is, in answer to a greeting
	Help  string            // everything that is understood
	Usage func(Verb) string // one line about a verb, which begins with an example; "" for one that needs none
	// Example repeats a fault and shows how it is done.
	Example func(fault string, v Verb) string

	WhichOf   func(v Verb, names []string) string // several are possible
	Nobody    func(who string) string             // nothing of the user's to them is being watched
	Cancelled func(with string, n int) string

	SharedAll, SharedContacts, SharedNobody string
	ShareHint                               string // to somebody who has bound a number that nobody sees yet
	HiddenFrom, VisibleTo                   func(who string) string
	Everybody                               string

	Settings  string // heads the list of settings
	Change    string // names the link to their page
	Sure      string // asks back before everything is deleted
	Forgotten string
}

// Topic returns the verb that a word of help is about.
func Topic(text string) Verb {
	verb, _ := leading(text)
	return verb
}
