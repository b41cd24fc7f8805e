package phrase

// Commands has the replies to chat commands, apart from answers to prompts.
type Commands struct {
	About string            // in response to a greeting
	Help  string            // a list of all commands
	Usage func(Verb) string // one line about a command, beginning with an example, or ""
	// Example adds an example to an error.
	Example func(fault string, v Verb) string

	WhichOf   func(v Verb, names []string) string // the name is ambiguous
	Nobody    func(who string) string             // no message to them is watched
	Cancelled func(with string, n int) string

	SharedAll, SharedContacts, SharedNobody string
	ShareHint                               string // after binding a number that nobody may see yet
	HiddenFrom, VisibleTo                   func(who string) string
	Everybody                               string

	Settings  string // heads the list of settings
	Change    string // label of the link to the settings page
	Sure      string // asks for confirmation before everything is deleted
	Forgotten string
}

// Topic returns the verb of a help topic.
func Topic(text string) Verb {
	verb, _ := leading(text)
	return verb
}
