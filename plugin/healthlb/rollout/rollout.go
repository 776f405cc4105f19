// Package rollout decides what a rolling replacement does next. It is pure: no I/O, no clock, no locks.
package rollout
