package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"syscall"

	"example.org/healthlb/api"
)

// Problem is an error as callers get it: a problem document of RFC 9457, application/problem+json.
type Problem api.Problem

// Error is the problem in one line.
func (p *Problem) Error() string { return strconv.Itoa(p.Status) + " " + p.Title + ": " + p.Detail }

// NewProblem returns a problem of that status, whose detail is made as by fmt.Sprintf. A backend may return one as an error.
func NewProblem(status int, detail string, args ...any) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(detail, args...)}
}

// problemOf is the answer to an error of the backend. What the store says goes to the log: it may name what callers need not know.
func (s *service) problemOf(err error) *Problem {
	var known *Problem
	var interlock *InterlockError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &interlock):
		p := NewProblem(http.StatusConflict, "%v", interlock)
		effect := complete(interlock.Effect)
		p.Effect = &effect
		return p
	case errors.Is(err, ErrReadOnly):
		return NewProblem(http.StatusConflict, "%v", ErrReadOnly)
	case errors.Is(err, ErrPrecondition):
		return NewProblem(http.StatusPreconditionFailed, "%v", ErrPrecondition)
	}
	s.endpoint.settings.Warn("admin endpoint: %v", err)
	if errors.Is(err, syscall.ENOSPC) {
		return NewProblem(http.StatusInsufficientStorage, "the disk with the state directory is full; nothing was changed")
	}
	return NewProblem(http.StatusInternalServerError, "this could not be done, for a reason that is in healthlb's log")
}

// fail answers with an error.
func (s *service) fail(w http.ResponseWriter, err error) {
	p := s.problemOf(err)
	if p.Status == http.StatusRequestTimeout || p.Status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close") // the rest of the body may still come
	}
	respond(w, p.Status, mediaProblem, p)
}

// respond answers with a value in JSON, on one line.
func respond(w http.ResponseWriter, status int, mediaType string, value any) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	if err := marshalLine(w, value); err != nil { // none of our types can fail
		panic(err)
	}
}
