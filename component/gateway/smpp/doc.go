// Package smpp sends SMS by SMPP 3.4 (the Short Message Peer to Peer Protocol Specification v3.4, issue 1.2), as an ESME:
// binds and keeps bound, submits within a window, answers what is delivered once it is kept.
//
// What is certain: a submission answered with an error was not sent, but for the errors of the system; one that was written and
// not answered may have been. Nothing is submitted twice here.
//
// Its tests run a scripted SMSC in a bubble of testing/synctest, decode captured PDUs, and fuzz what is read; internal/lab has
// node-smpp and Kannel.
package smpp
