// Package xep is a folder of one small package per XMPP extension: its namespace as NS, its elements as structs that
// encoding/xml reads and writes, and the checks that its specification demands. They import mellium and nothing of ours,
// not even one another, and hold no state (but for the sessions of adhoc). Here are the tests of what goes over the wire:
// every element is encoded and decoded in encoding_test.go; what has rules of its own is tested beside it.
package xep
