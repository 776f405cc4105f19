// Package webhook hands events on to a URL.
package webhook
