package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"example.org/healthlb/api"
)

// exitCode is what the command tells the shell.
type exitCode int

const (
	exitDone        exitCode = 0
	exitError       exitCode = 1
	exitUsage       exitCode = 2
	exitRefused     exitCode = 3
	exitNotAllowed  exitCode = 4
	exitNotFound    exitCode = 5
	exitRollout     exitCode = 6
	exitProbe       exitCode = 7
	exitInterrupted exitCode = 130 // as shells have it for SIGINT: 128 + 2
)

// exitHelp is the one place where people read of the codes: it is in the help and in the pages for man.
const exitHelp = `Exit codes:
  0    done; also what runs until it is interrupted, and then was
  1    error: the network, the server, a file
  2    the command line, the configuration or a list is wrong
  3    refused: it needs --force, or other circumstances
  4    not allowed: the token or the certificate does not do
  5    not found: there is no such pool, member or rollout
  6    the rollout ended otherwise than done
  7    a probe did not pass
  130  interrupted before it was done`

// failure is an error that ends the command with a code of its own.
type failure struct {
	code exitCode
	err  error // nil: all has been said already
}

func (f *failure) Error() string {
	if f.err == nil {
		return ""
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// failed makes a failure of a text as by fmt.Errorf.
func failed(code exitCode, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

// usage is a mistake of the command line or the configuration.
func usage(format string, args ...any) error { return failed(exitUsage, format, args...) }

// codeOf finds the code for an error.
func codeOf(err error) exitCode {
	var f *failure
	if err == nil {
		return exitDone
	}
	if errors.As(err, &f) {
		return f.code
	}
	if p := problemOf(err); p != nil {
		return codeOfStatus(p.Status)
	}
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" && strings.Contains(remote.Err.Error(), "certificate") {
		return exitNotAllowed // crypto/tls has no other way to say that the server does not take this client's certificate, or its absence
	}
	if errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled) { // no one but a signal cancels
		return exitInterrupted
	}
	return exitError
}

// codeOfStatus finds the code for an HTTP status.
func codeOfStatus(status int) exitCode {
	switch status {
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		return exitRefused
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitNotAllowed
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusBadRequest:
		return exitUsage
	}
	return exitError
}

// errorText is an error in one line for people at this command: the endpoint speaks of query parameters, they have flags.
func errorText(err error) string {
	p := problemOf(err)
	var said *failure
	switch {
	case errors.As(err, &said):
		return oneLine(err.Error())
	case codeOf(err) == exitInterrupted:
		return errInterrupted.Error()
	case p == nil:
		return oneLine(err.Error())
	}
	if refusals := refusalsOf(p.Effect); len(refusals) > 0 {
		return "refused: " + strings.Join(refusals, "; ") + "; --force does it all the same"
	}
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	text = strings.NewReplacer("add ?force=1", "add --force", "?force=1", "--force").Replace(text)
	switch codeOfStatus(p.Status) {
	case exitRefused:
		text = "refused: " + text
	case exitNotAllowed:
		text = "not allowed: " + text
	case exitError:
		text = fmt.Sprintf("the server answers %d: %s", p.Status, text)
	}
	return oneLine(text)
}

// refusalsOf says why a change needs force: a reason for each family of each pool.
func refusalsOf(e *api.Effect) (reasons []string) {
	if e == nil {
		return nil
	}
	for _, f := range e.Pools {
		if f.Refused != "" {
			reasons = append(reasons, fmt.Sprintf("%s %s: %s", short(f.Pool), printable(f.Family), printable(f.Refused)))
		}
	}
	return reasons
}
