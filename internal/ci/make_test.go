package ci

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Every target of the Makefile works, and so do those explained at its top.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	phony := regexp.MustCompile(`(?m)^\.PHONY:(.*)$`).FindSubmatch(makefile)
	if phony == nil {
		t.Fatal("no .PHONY in the Makefile")
	}
	targets := strings.Fields(string(phony[1]))
	for _, explained := range regexp.MustCompile(`(?m)^#.*\bmake ([a-z-]+)  `).FindAllSubmatch(makefile, -1) {
		targets = append(targets, string(explained[1]))
	}
	for _, target := range targets {
		make := exec.Command("make", "--dry-run", "--no-print-directory", "-C", "../..", target)
		out, err := make.CombinedOutput()
		if err != nil || strings.Contains(string(out), "Nothing to be done") {
			t.Errorf("make %s: %v\n%s", target, err, out)
		}
	}
}
