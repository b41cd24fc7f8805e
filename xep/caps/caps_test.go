package caps

import (
	"crypto/sha1"
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/disco"
)

// The responses of XEP-0115 §5.2 and §5.3.
const (
	simple = `<query xmlns='http://jabber.org/protocol/disco#info' node='http://code.google.com/p/exodus#QgayPKawpkPSDYmwT/WM94uAlu0='>
		<identity category='client' type='pc' name='Exodus 0.9.1'/>
		<feature var='http://jabber.org/protocol/muc'/>
		<feature var='http://jabber.org/protocol/caps'/>
		<feature var='http://jabber.org/protocol/disco#info'/>
		<feature var='http://jabber.org/protocol/disco#items'/></query>`
	complicated = `<query xmlns='http://jabber.org/protocol/disco#info' node='http://psi-im.org#q07IKJEyjvHSyhy//CH0CxmKi8w='>
		<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>
		<identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>
		<feature var='http://jabber.org/protocol/caps'/>
		<feature var='http://jabber.org/protocol/disco#info'/>
		<feature var='http://jabber.org/protocol/disco#items'/>
		<feature var='http://jabber.org/protocol/muc'/>
		<x xmlns='jabber:x:data' type='result'>
			<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>
			<field var='ip_version' type='text-multi'><value>ipv6</value><value>ipv4</value></field>
			<field var='os'><value>Mac</value></field>
			<field var='os_version'><value>10.5.1</value></field>
			<field var='software'><value>Psi</value></field>
			<field var='software_version'><value>0.11</value></field>
		</x></query>`
	simpleVer      = "QgayPKawpkPSDYmwT/WM94uAlu0="
	complicatedVer = "q07IKJEyjvHSyhy//CH0CxmKi8w="
)

func TestVerify(t *testing.T) {
	with := func(children string) string { return strings.Replace(complicated, "</query>", children+"</query>", 1) }
	for _, tc := range []struct {
		name, c, info string
		want          error
	}{
		{"§5.2", caps("sha-1", simpleVer), simple, nil},
		{"§5.3", caps("sha-1", complicatedVer), complicated, nil},
		{"sha-256", caps("sha-256", "Wr6IGEKhx6b9627gBmi/cCmpxXBc/GYq5zWuYfWGWoc="), simple, nil},
		{"other answer", caps("sha-1", simpleVer), complicated, ErrMismatch},
		{"other hash", caps("sha-256", simpleVer), simple, ErrMismatch},
		{"legacy format", `<c xmlns='http://jabber.org/protocol/caps' node='http://psi-im.org' ver='0.11' ext='cs ep'/>`, complicated, ErrHash},
		{"unknown hash", caps("md5", simpleVer), simple, ErrHash},
		{"no ver", caps("sha-1", ""), simple, ErrHash},
		{"unknown children", caps("sha-1", complicatedVer), with(`<set xmlns='http://jabber.org/protocol/rsm'><feature var='x'/></set><feature xmlns='urn:example' var='x'/>`), nil},
		{"form without FORM_TYPE is ignored", caps("sha-1", complicatedVer), with(`<x xmlns='jabber:x:data'><field var='a'><value>1</value></field></x>`), nil},
		{"form without fields is ignored", caps("sha-1", complicatedVer), with(`<x xmlns='jabber:x:data'/>`), nil},
		{"form whose FORM_TYPE is not hidden is ignored", caps("sha-1", complicatedVer), with(`<x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>a</value></field></x>`), nil},
		{"repeated identity", caps("sha-1", complicatedVer), with(`<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>`), ErrIllFormed},
		{"repeated feature", caps("sha-1", complicatedVer), with(`<feature var='http://jabber.org/protocol/muc'/>`), ErrIllFormed},
		{"repeated form", caps("sha-1", complicatedVer),
			with(`<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field></x>`), ErrIllFormed},
		{"two values of FORM_TYPE", caps("sha-1", complicatedVer),
			with(`<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>a</value><value>b</value></field></x>`), ErrIllFormed},
		{"features smuggled into a name", caps("sha-1", simpleVer), `<query xmlns='http://jabber.org/protocol/disco#info'>
			<identity category='client' type='pc' name='Exodus 0.9.1&lt;http://jabber.org/protocol/caps&lt;http://jabber.org/protocol/disco#info'/>
			<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/></query>`, ErrIllFormed},
		{"an escaped separator stays escaped", caps("sha-1", simpleVer), `<query xmlns='http://jabber.org/protocol/disco#info'>
			<identity category='client' type='pc' name='Exodus 0.9.1&amp;lt;http://jabber.org/protocol/caps&amp;lt;http://jabber.org/protocol/disco#info'/>
			<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/></query>`, ErrMismatch},
		{"empty answer", caps("sha-1", simpleVer), `<query xmlns='http://jabber.org/protocol/disco#info'/>`, ErrMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := parse[Caps](t, tc.c).Verify(parse[Info](t, tc.info)); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestCaps(t *testing.T) {
	c := parse[Caps](t, `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://code.google.com/p/exodus' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>`)
	if got, want := c.Query(), "http://code.google.com/p/exodus#QgayPKawpkPSDYmwT/WM94uAlu0="; got != want {
		t.Errorf("Query() = %s", got)
	}
	if key, ok := c.Key(); key != "sha-1 "+simpleVer || !ok {
		t.Errorf("Key() = %s, %t", key, ok)
	}
	info := parse[Info](t, simple)
	if !info.Has("http://jabber.org/protocol/muc") || info.Has("urn:tocsin:escalation:0") {
		t.Errorf("features: %v", info.Features)
	}
	want := Identity{Category: "client", Type: "pc", Name: "Exodus 0.9.1"}
	if diff := cmp.Diff([]Identity{want}, info.Identities); diff != "" {
		t.Error(diff)
	}
}

func caps(hash, ver string) string {
	return `<c xmlns='http://jabber.org/protocol/caps' hash='` + hash + `' node='n' ver='` + ver + `'/>`
}

func parse[T any](t *testing.T, in string) (v T) {
	t.Helper()
	if err := xml.Unmarshal([]byte(in), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// A response with the same hash that hides features in a form or an identity is not valid for the hash.
func TestVerifyAmbiguous(t *testing.T) {
	const disco = `<query xmlns='http://jabber.org/protocol/disco#info'>`
	for _, tc := range []struct{ name, honest, poisoned string }{
		{"in a form", disco + `<identity category='client' type='pc'/><feature var='urn:a'/><feature var='urn:b'/><feature var='urn:c'/><feature var='urn:d'/></query>`,
			disco + `<identity category='client' type='pc'/><feature var='urn:a'/><x xmlns='jabber:x:data' type='result'>
				<field var='FORM_TYPE' type='hidden'><value>urn:b</value></field><field var='urn:c'><value>urn:d</value></field></x></query>`},
		{"in an identity", disco + `<identity category='client' type='pc'/><feature var='http://x/y/z'/><feature var='urn:b'/></query>`,
			disco + `<identity category='client' type='pc'/><identity category='http:' type='' xml:lang='x' name='y/z'/><feature var='urn:b'/></query>`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			honest, poisoned := parse[Info](t, tc.honest), parse[Info](t, tc.poisoned)
			ver, err := honest.Ver(sha1.New())
			if again, _ := poisoned.Ver(sha1.New()); err != nil || again != ver {
				t.Fatalf("%s is %s, %s is %s, %v", tc.honest, ver, tc.poisoned, again, err)
			}
			c := Caps{Hash: "sha-1", Node: "n", Ver: ver}
			for _, f := range honest.Features {
				if err := c.Verify(honest, f.Var); err != nil {
					t.Errorf("honest, about %s: %v", f.Var, err)
				}
				if err := c.Verify(poisoned, f.Var); !poisoned.Has(f.Var) && !errors.Is(err, ErrAmbiguous) {
					t.Errorf("poisoned, about %s: %v", f.Var, err)
				}
			}
		})
	}
}

// The order within a response does not matter, and the hash equals mellium's where mellium can compute it.
func FuzzVer(f *testing.F) {
	f.Add(simple)
	f.Add(complicated)
	f.Add(`<query xmlns='http://jabber.org/protocol/disco#info'><x xmlns='jabber:x:data'/><feature var=''/></query>`)
	f.Fuzz(func(t *testing.T, in string) {
		var info Info
		if xml.Unmarshal([]byte(in), &info) != nil {
			return
		}
		ver, err := info.Ver(sha1.New())
		slices.Reverse(info.Identities)
		slices.Reverse(info.Features)
		slices.Reverse(info.Forms)
		again, err2 := info.Ver(sha1.New())
		if ver != again || (err == nil) != (err2 == nil) {
			t.Fatalf("%s, %v backwards is %s, %v", ver, err, again, err2)
		}
		if err != nil || len(info.Forms) > 0 {
			return
		}
		var other disco.Info
		if err := xml.Unmarshal([]byte(in), &other); err != nil || len(other.Features) != len(info.Features) || len(other.Identity) != len(info.Identities) {
			return // mellium also reads elements of other namespaces
		}
		if h := other.Hash(sha1.New()); h != ver {
			t.Fatalf("%s, mellium says %s", ver, h)
		}
	})
}
