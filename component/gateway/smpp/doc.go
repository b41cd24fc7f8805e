// Package smpp sends SMS over SMPP 3.4 (Short Message Peer to Peer Protocol Specification v3.4, issue 1.2), as an ESME. It keeps
// a bind, submits within a window, and responds to deliveries once they are stored.
//
// A submission that gets an error response was certainly not sent, except for system errors. One that was written and got no
// response may have been sent. This package never submits twice.
//
// It knows nothing about messages or the owners of numbers. It uses the system clock, because its tests run a scripted SMSC with
// testing/synctest; they also decode captured PDUs, and fuzz decoding. internal/lab runs node-smpp and Kannel.
package smpp
