package lab

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Account for every SMSC and Kannel of the lab.
const (
	SMSUser   = "tocsin"
	SMSSecret = "s3cret"
)

// SMSC is node-smpp as an SMSC (smsc/smsc.js). The last two digits of a number decide the fate of an SMS: 02 undelivered, 03
// expired, 04 throttled twice, 05 refused, 06 the link lost once before the response, 07 no receipt, 08 the receipt before
// the response, 09 queue full twice, 10 rejected, 11 never answered, 12 en route and then delivered, 13 answered after a
// second; others are delivered.
type SMSC struct {
	Addr string
	CA   []byte // certificate in PEM; nil without TLS

	t       testing.TB
	port    int
	control string
}

// Submitted is a part of an SMS accepted by an SMSC.
type Submitted struct {
	ID         string
	From, To   string // without plus
	Text       string
	Coding     int
	Validity   string
	Registered int
	Part       []int // reference, total, number; nil for a single part
	Payload    bool
}

// NewSMSC starts one.
func NewSMSC(t testing.TB, secure bool) *SMSC {
	t.Helper()
	dir := filepath.Join(root(t), "internal", "lab", "smsc")
	installPackages(t, dir)
	s := &SMSC{t: t, port: Port(t)}
	s.Addr = loopback(s.port)
	control := Port(t)
	s.control = "http://" + loopback(control)
	argv := []string{program(t, "node"), filepath.Join(dir, "smsc.js"), strconv.Itoa(s.port), strconv.Itoa(control)}
	run := t.TempDir()
	if secure {
		s.CA = certificate(t, run)
		argv = append(argv, run)
	}
	p, err := start("node-smpp", filepath.Join(run, "smsc.log"), nil, argv...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("node-smpp:\n%s", tail(p.log, 30))
		}
	})
	if err := p.await(Timeout, func() bool { return listening(s.Addr) && listening(loopback(control)) }); err != nil {
		t.Fatalf("%v\n%s", err, tail(p.log, 30))
	}
	return s
}

// do makes the SMSC do something.
func (s *SMSC) do(act string, with, answer any) {
	s.t.Helper()
	body, err := json.Marshal(with)
	if err != nil {
		s.t.Fatal(err)
	}
	client := http.Client{Timeout: Timeout}
	resp, err := client.Post(s.control+act, "application/json", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer != nil {
		if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Phone delivers an SMS from a phone, and returns the response statuses of its parts.
func (s *SMSC) Phone(from, to, text string) (statuses []int) {
	s.t.Helper()
	s.do("/phone", map[string]string{"from": from, "to": to, "text": text}, &statuses)
	return statuses
}

// Drop cuts all links.
func (s *SMSC) Drop() { s.t.Helper(); s.do("/drop", nil, nil) }

// Unbind ends all links cleanly.
func (s *SMSC) Unbind() { s.t.Helper(); s.do("/unbind", nil, nil) }

// Mute makes it ignore enquire_link, or answer again.
func (s *SMSC) Mute(on bool) { s.t.Helper(); s.do("/mute", map[string]bool{"on": on}, nil) }

// State returns the binds, the submissions, and the maximum number of unanswered submissions on one link.
func (s *SMSC) State() (bound []string, submitted []Submitted, most int) {
	s.t.Helper()
	var state struct {
		Bound     []string
		Submitted []Submitted
		Most      int
	}
	s.do("/state", nil, &state)
	return state.Bound, state.Submitted, state.Most
}

// installPackages installs a folder's package-lock.json, once, even if other tests do so at the same time.
func installPackages(t testing.TB, dir string) {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "tocsin-lab-npm.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	wanted, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if done, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil && !done.ModTime().Before(wanted.ModTime()) {
		return
	}
	command := exec.Command(program(t, "npm"), "ci", "--no-audit", "--no-fund")
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

// certificate writes key.pem and cert.pem for localhost to a folder, and returns the certificate, which is its own CA.
func certificate(t testing.TB, dir string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "SMSC of the lab"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"smsc.example.org"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(fmt.Errorf("write %s: %w", name, err))
		}
	}
	return cert
}
