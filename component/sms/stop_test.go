package sms

import "testing"

func TestReadOrder(t *testing.T) {
	for text, want := range map[string]Order{
		"STOP": Stop, " stop. ": Stop, "Stop  all": Stop, "ＳＴＯＰ": Stop, "Arrêt": Stop, "退订": Stop, "退订。": Stop, "opt-out": Stop,
		"start": Start, "UNSTOP!": Start, "恢复": Start,
		"": NoOrder, "Stop it": NoOrder, "yes": NoOrder, "end": NoOrder, "cancel": NoOrder, "don't stop": NoOrder, "s t o p": NoOrder,
		"t": Stop, "退 。": Stop, "Basta!": Stop,
	} {
		if got := ReadOrder(text, []string{"T", "退", "basta", " "}); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
