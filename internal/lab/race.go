//go:build race

package lab

// RaceDetector reports whether the tests run with it.
const RaceDetector = true
