package sms

import "testing"

func TestReadOrder(t *testing.T) {
	for text, want := range map[string]Keyword{
		"STOP": Stop, " stop. ": Stop, "Stop  all": Stop, "ＳＴＯＰ": Stop, "Arrêt": Stop, "退订": Stop, "退订。": Stop, "opt-out": Stop,
		"start": Start, "UNSTOP!": Start, "恢复": Start,
		"Help": Help, "HELP!": Help, "aide": Help, "Hilfe.": Help, "帮助。": Help, "help me": NoKeyword, "info": NoKeyword,
		"": NoKeyword, "Stop it": NoKeyword, "yes": NoKeyword, "end": NoKeyword, "cancel": NoKeyword, "don't stop": NoKeyword, "s t o p": NoKeyword,
		"t": Stop, "退 。": Stop, "Basta!": Stop,
	} {
		if got := ReadKeyword(text, []string{"T", "退", "basta", " "}); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
