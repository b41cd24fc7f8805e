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

// Subject is the component that a story is about, on a database of its own. It is used inside a bubble of
// testing/synctest: its time is the story's, and whatever it starts has to end with Crash.
type Subject interface {
	// Start runs the component on its database. It connects by dial; config is TOML without a [storage] table. The SMS that it
	// sends, all of which arrive, are told to sms.
	Start(config string, dial func(context.Context) (net.Conn, error), sms func(to, from, text string)) error
	// Crash ends it as kill -9 would: nothing more is written to the database, which stays.
	Crash()
	// Number binds a number to a user, as "tocsin numbers set" does.
	Number(jid, number string, consented bool) error
	// Phone brings an SMS from a phone, by the one route of the story.
	Phone(id, from, to, text string) error
	// Prefer stores a user's quiet hours and time zone as they are, for the next start, readable or not.
	Prefer(jid, quiet, zone string) error
}

// Addresses of all stories.
const (
	domain    = "example.org"
	component = "tocsin.example.org"
	contact   = "sms@tocsin.example.org"
	secret    = "a secret of the stories"
)

// noon is when stories begin that do not say.
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

// Parse reads a scenario from the text of a .txtar file: a comment that tells what it is about, a section "begin" with the
// instant (RFC 3339) if that matters, a section "config" of TOML beside the defaults, and a section "story".
//
// doc.go has the commands that stories are made of.
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

// split cuts a line into words. What is in quotes is one word and keeps them, with the name= before it; what begins with < goes up to an arrow, or
// to the end of the line.
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
				return nil, errors.New("a quote has no end")
			}
		case end < 0:
			end = len(line)
		case strings.HasSuffix(line[:strings.IndexByte(line+`"`, '"')], "="): // name="…"
			if quote := strings.IndexByte(line, '"'); quote < end {
				closing := strings.IndexByte(line[quote+1:], '"')
				if closing < 0 {
					return nil, errors.New("a quote has no end")
				}
				end = quote + 1 + closing + 1
			}
		}
		words = append(words, line[:end])
		line = line[end:]
	}
	return words, nil
}

// Play tells the story by a shape. It has to be called in a bubble of testing/synctest. The error, if any, says which
// line did not come true.
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

// Run plays every scenario of a directory on a fresh subject, in each of these shapes that it can be told by; all, if none
// are given.
func Run(t *testing.T, dir string, fresh func(*testing.T) Subject, shapes ...Shape) {
	run(t, dir, fresh, func(all []Shape) []Shape {
		if len(shapes) == 0 {
			return all
		}
		return slices.DeleteFunc(slices.Clone(all), func(s Shape) bool { return !slices.Contains(shapes, s) })
	})
}

// RunOnce plays every scenario in one shape: the given one, or the first that it can be told by.
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
