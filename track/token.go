package track

// Purpose is what a token is good for (protocol §11).
type Purpose string

const (
	PromptPage      Purpose = "prompt"           // view and answer one prompt
	SettingsLink    Purpose = "settings"         // start a session
	AdminLink       Purpose = "admin"            // start a session
	SettingsSession Purpose = "settings-session" // view and change one's own settings
	AdminSession    Purpose = "admin-session"    // do what admins can do
)

// Token is the right to access a page. Whoever knows the text hashed in Hash has it.
type Token struct {
	Hash    string // SHA-256, in hexadecimal
	Purpose Purpose
	Owner   string // bare JID
	Prompt  string // PromptPage
	Expires Time
}
