package fakeserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/tools/txtar"
)

// Subject is the component under test, with its own database. It runs in a bubble of testing/synctest: its clock is the
// story's, and Crash must end everything that it has started.
type Subject interface {
	// Start runs the component on its database. It connects with dial; config is TOML without a [storage] table. sms is
	// called with every SMS that it sends; all are delivered.
	Start(config string, dial func(context.Context) (net.Conn, error), sms func(to, from, text string)) error
	// Crash ends it like kill -9: nothing more is written to the database, which is kept.
	Crash()
	// Number sets a user's number, like "tocsin numbers set".
	Number(jid, number string, consented bool) error
	// Phone sends the component an SMS from a phone, through the story's only route.
	Phone(id, from, to, text string) error
	// Prefer stores a user's quiet hours and time zone unchecked, for the next start.
	Prefer(jid, quiet, zone string) error
}

// Addresses of all stories.
const (
	domain    = "example.org"
	component = "tocsin.example.org"
	contact   = "sms@tocsin.example.org"
	secret    = "a secret of the stories"
)

// noon is when stories begin by default.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// Scenario is a story with its setting: a .txtar file.
type Scenario struct {
	Name   string
	Shapes []Shape
	begin  time.Time
	config string
	steps  []step
}

// step is one line of a story.
type step struct {
	where, text string
	do          func(*stage) error
}

// Parse parses a scenario from a .txtar file: a comment about the story, an optional section "begin" with an instant (RFC
// 3339), a section "config" of TOML on top of the defaults, and a section "story".
//
// doc.go lists the commands of stories.
func Parse(name string, file []byte) (*Scenario, error) {
	s := &Scenario{Name: name, begin: noon, Shapes: []Shape{Module, Firewall, Ejabberd, Events}}
	before, _, _ := strings.Cut(string(file), "-- story --\n")
	line := strings.Count(before, "\n") + 1 // the section's own
	for _, section := range txtar.Parse(file).Files {
		switch section.Name {
		case "begin":
			var err error
			if s.begin, err = time.Parse(time.RFC3339, strings.TrimSpace(string(section.Data))); err != nil {
				return nil, fmt.Errorf("%s: begin: %w", name, err)
			}
		case "config":
			s.config = string(section.Data)
		case "story":
			for text := range strings.Lines(string(section.Data)) {
				line++
				if err := s.line(fmt.Sprintf("%s:%d", name, line), strings.TrimSpace(text)); err != nil {
					return nil, err
				}
			}
		default:
			return nil, fmt.Errorf("%s: unknown section %q", name, section.Name)
		}
	}
	if len(s.steps) == 0 {
		return nil, fmt.Errorf("%s: no story", name)
	}
	return s, nil
}

func (s *Scenario) line(where, text string) error {
	if text == "" || strings.HasPrefix(text, "#") {
		return nil
	}
	words, err := split(strings.ReplaceAll(text, "xmlns='T'", "xmlns='"+nsTocsin+"'"))
	if err != nil {
		return fmt.Errorf("%s: %s: %w", where, text, err)
	}
	if words[0] == "shape" {
		s.Shapes = nil
		for _, word := range words[1:] {
			if !slices.Contains([]Shape{Module, Firewall, Ejabberd, Events}, Shape(word)) {
				return fmt.Errorf("%s: %s: unknown shape %q", where, text, word)
			}
			s.Shapes = append(s.Shapes, Shape(word))
		}
		return nil
	}
	if words[0] == "repeat" {
		count, rest, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(text, "repeat")), " ")
		n, err := strconv.Atoi(count)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", where, text, err)
		}
		for i := range n {
			if err := s.line(where, strings.ReplaceAll(rest, "#", strconv.Itoa(i+1))); err != nil {
				return err
			}
		}
		return nil
	}
	name := words[0]
	if name == "!" && len(words) > 1 {
		name, words = "! "+words[1], words[1:]
	}
	command, ok := commands[name]
	if !ok {
		return fmt.Errorf("%s: %s: unknown command", where, text)
	}
	s.steps = append(s.steps, step{where, text, func(st *stage) error {
		args := make([]string, len(words)-1)
		for i, word := range words[1:] {
			args[i] = st.vars.fill(word)
		}
		return command(st, args)
	}})
	return nil
}

// split splits a line into words. Quoted text is one word with its quotes and a preceding name=; a word starting with <
// extends to an arrow, or to the end of the line.
func split(line string) ([]string, error) {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		end := strings.IndexByte(line, ' ')
		switch {
		case line[0] == '<':
			if end = strings.LastIndex(line, "> → ") + 1; end == 0 {
				end = len(line)
			}
		case line[0] == '"':
			if end = strings.IndexByte(line[1:], '"') + 2; end == 1 {
				return nil, errors.New("unterminated quote")
			}
		case end < 0:
			end = len(line)
		case strings.HasSuffix(line[:strings.IndexByte(line+`"`, '"')], "="): // name="…"
			if quote := strings.IndexByte(line, '"'); quote < end {
				closing := strings.IndexByte(line[quote+1:], '"')
				if closing < 0 {
					return nil, errors.New("unterminated quote")
				}
				end = quote + 1 + closing + 1
			}
		}
		words = append(words, line[:end])
		line = line[end:]
	}
	return words, nil
}

// Play plays the story with a shape. It must run in a bubble of testing/synctest. The error, if any, names the line that
// failed.
func (s *Scenario) Play(subject Subject, shape Shape) error {
	time.Sleep(time.Until(s.begin))
	st := newStage(subject, shape, s.config)
	defer st.close()
	if err := st.start(); err != nil {
		return fmt.Errorf("%s: start: %w", s.Name, err)
	}
	for _, step := range s.steps {
		if err := step.do(st); err != nil {
			return fmt.Errorf("%s: %s: %w", step.where, step.text, err)
		}
	}
	return nil
}

// Run plays every scenario of a directory on a fresh subject, with each of these shapes that it supports; all shapes by
// default.
func Run(t *testing.T, dir string, fresh func(*testing.T) Subject, shapes ...Shape) {
	run(t, dir, fresh, func(all []Shape) []Shape {
		if len(shapes) == 0 {
			return all
		}
		return slices.DeleteFunc(slices.Clone(all), func(s Shape) bool { return !slices.Contains(shapes, s) })
	})
}

// RunOnce plays every scenario with one shape: the given one, or the first that it supports.
func RunOnce(t *testing.T, dir string, fresh func(*testing.T) Subject, shape Shape) {
	run(t, dir, fresh, func(all []Shape) []Shape {
		if slices.Contains(all, shape) {
			return []Shape{shape}
		}
		return all[:1]
	})
}

func run(t *testing.T, dir string, fresh func(*testing.T) Subject, choose func([]Shape) []Shape) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios in %s: %v", dir, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		scenario, err := Parse(name, data)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, shape := range choose(scenario.Shapes) {
			t.Run(strings.TrimSuffix(name, ".txtar")+"/"+string(shape), func(t *testing.T) {
				t.Parallel()
				subject := fresh(t)
				synctest.Test(t, func(t *testing.T) {
					if err := scenario.Play(subject, shape); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}
