// Package xep is a directory of small packages, one per XMPP extension: its namespace as NS, its elements as structs for
// encoding/xml, and the checks its specification demands. They import mellium but nothing of ours, not even each other, and
// have no state (except for the sessions of adhoc). This package has the tests of the wire format: encoding_test.go encodes
// and decodes every element; extensions with rules of their own have their own tests.
package xep
