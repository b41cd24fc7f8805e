package track

// Purpose is what the holder of a token may do (protocol §11).
type Purpose string

const (
	PromptPage      Purpose = "prompt"           // see and answer one prompt
	SettingsLink    Purpose = "settings"         // begin a session
	AdminLink       Purpose = "admin"            // begin a session
	SettingsSession Purpose = "settings-session" // see and change one's own settings
	AdminSession    Purpose = "admin-session"    // do what admins can do
)

// Token is the right to a page. Whoever knows the text that Hash is of has it.
type Token struct {
	Hash    string // SHA-256, in hexadecimal
	Purpose Purpose
	Owner   string // bare JID
	Prompt  string // PromptPage
	Expires Time
}
