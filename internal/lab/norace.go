//go:build !race

package lab

// RaceDetector tells whether the tests run with it.
const RaceDetector = false
