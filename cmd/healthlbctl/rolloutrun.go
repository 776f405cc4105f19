package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/client"
)

// rolloutRun is a rollout that is carried out here.
type rolloutRun struct {
	*app
	people  io.Writer // where steps and commands' output go: standard output, unless that is for programs
	command string    // of --exec; empty: people are asked
	asking  *asker
	timeout time.Duration

	mu      sync.Mutex // guards what follows
	shown   api.Rollout
	begun   map[string]time.Time // when the drain of a member was first seen: its timeout counts from there
	running int                  // commands and questions
}

// rollout begins a rollout and carries it out.
func (a *app) rollout(ctx context.Context, s *session, pool string, spec api.RolloutSpec) error {
	started, err := s.StartRollout(ctx, pool, spec, client.Options{})
	if err != nil {
		return err
	}
	r := &rolloutRun{
		app: a, people: a.out, command: spec.Command, asking: newAsker(a), begun: map[string]time.Time{},
		timeout: time.Duration(started.Timeout * float64(time.Second)),
	}
	if s.output != "table" {
		r.people = a.err
	}
	defer r.asking.close()
	if spec.Command == "" {
		r.print("rollout of %s: %s", short(pool), plural(len(started.Members), "member"))
	} else {
		r.print("rollout of %s: %s, each by: %s", short(pool), plural(len(started.Members), "member"), printable(spec.Command))
	}
	r.show(started)

	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { r.watch(over) })
	ended, err := s.RunRollout(ctx, client.RolloutRun{
		Rollout: started, Replace: r.replace, Commands: a.killed, Show: r.show, OnTrouble: func(err error) {
			if err != nil {
				a.say("the server does not answer, trying again: %s", errorText(err))
			} else {
				a.say("the server answers again")
			}
		},
	})
	close(over)
	watching.Wait()
	return r.end(s, ended, err)
}

// watch tells people what an interruption means.
func (r *rolloutRun) watch(over <-chan struct{}) {
	select {
	case <-over:
		return
	case <-r.interrupted.Done():
	}
	r.mu.Lock()
	running := r.running
	r.mu.Unlock()
	switch {
	case running == 0:
		r.say("cancelling the rollout")
	case r.command == "":
		r.say("cancelling the rollout; press Enter when what you have begun is done, or Ctrl-C again to give it up")
	default:
		r.say("cancelling the rollout; waiting for %s to end, Ctrl-C again ends them", plural(running, "command"))
	}
}

// end says how it ended.
func (r *rolloutRun) end(s *session, ended api.Rollout, err error) error {
	if ended.ID != "" && s.output != "table" {
		if err := r.app.show(s.settings, ended, nil); err != nil {
			return err
		}
	}
	switch {
	case ended.Status == client.RolloutDone:
		r.print("%s", statusText(ended))
		return nil
	case r.interrupted.Err() != nil && (ended.Status == client.RolloutCancelled || !rolloutOver(ended)):
		return failed(exitInterrupted, "interrupted; the rollout is %s", statusText(ended))
	case ended.Status != "" && rolloutOver(ended):
		return failed(exitRollout, "the rollout is %s", statusText(ended))
	case err == nil:
		return failed(exitRollout, "the rollout has not ended: it is %s", statusText(ended))
	}
	return err
}

// print is a line for people, with the time.
func (r *rolloutRun) print(format string, args ...any) {
	r.writing.Lock()
	defer r.writing.Unlock()
	fmt.Fprintf(r.people, r.now().In(r.zone).Format(time.TimeOnly)+" "+format+"\n", args...)
}

// show prints what has changed since it was called last.
func (r *rolloutRun) show(now api.Rollout) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := map[string]string{}
	for _, m := range r.shown.Members {
		before[m.ID] = m.Step
	}
	for _, m := range now.Members {
		if _, seen := r.begun[m.ID]; !seen && m.Step != "waiting" {
			r.begun[m.ID] = r.now()
		}
		if before[m.ID] != m.Step && m.Step != "waiting" {
			r.print("%s", r.stepText(m))
		}
	}
	switch was := r.shown.Status; {
	case was == "" || was == now.Status || now.Status == client.RolloutDone:
	case !rolloutOver(now):
		r.print("the rollout is %s", statusText(now))
	case r.running > 0:
		r.print("the rollout is %s; waiting for what has been begun", statusText(now))
	}
	r.shown = now
}

// stepText says where a member is.
func (r *rolloutRun) stepText(m api.RolloutMember) string {
	text := fmt.Sprintf("%s (%s) %s", printable(m.ID), printable(strings.Join(m.Addresses, " ")), r.paint(m.Step))
	if m.Step == "draining" && m.SafeAfter != nil {
		text += ", " + r.safeAfter(*m.SafeAfter)
	}
	if m.Error != "" {
		text += ": " + oneLine(m.Error)
	}
	return text
}

// replace replaces one member: by the command, or by asking for it.
func (r *rolloutRun) replace(ctx context.Context, m api.RolloutMember) error {
	r.mu.Lock()
	r.running++
	begun, seen := r.begun[m.ID]
	pool := r.shown.Pool
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.running--
	}()
	if !seen {
		begun = r.now()
	}
	if r.timeout > 0 {
		late := fmt.Errorf("the member's timeout of %s is over", r.timeout)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.timeout-r.now().Sub(begun), late)
		defer cancel()
	}
	if r.command == "" {
		return r.asking.ask(ctx, fmt.Sprintf("%s (%s) is safe to stop: replace it, then press Enter",
			printable(m.ID), printable(strings.Join(m.Addresses, " "))))
	}
	return r.run(ctx, pool, m)
}
