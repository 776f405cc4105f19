package client

import (
	"net/http"
	"slices"

	"example.org/healthlb/api"
)

// begin starts a rollout, all of whose drains are safe at once.
func (r *responder) begin(parallel, maxFailures int, ids ...string) api.Rollout {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rollout = &api.Rollout{ID: "r1", Pool: "www.lb.example.", Status: "running", Parallel: parallel, MaxFailures: maxFailures}
	for _, id := range ids {
		r.rollout.Members = append(r.rollout.Members, api.RolloutMember{ID: id, Addresses: []string{"192.0.2." + id}, Step: "waiting"})
	}
	r.move()
	return r.copy()
}

func (r *responder) copy() api.Rollout {
	c := *r.rollout
	c.Members = slices.Clone(c.Members)
	return c
}

// move lets the members on as far as they may go.
func (r *responder) move() {
	under, done, failed := 0, 0, 0
	for i := range r.rollout.Members {
		m := &r.rollout.Members[i]
		switch m.Step {
		case "safe", "replacing":
			under++
		case "done":
			done++
		case "failed":
			failed++
		}
	}
	switch {
	case r.rollout.Status != "running":
		return
	case failed > r.rollout.MaxFailures:
		r.end("failed", "too many members failed")
		return
	case done+failed == len(r.rollout.Members):
		r.end("done", "")
		return
	}
	for i := range r.rollout.Members {
		if m := &r.rollout.Members[i]; m.Step == "waiting" && under < r.rollout.Parallel {
			m.Step = "safe"
			under++
		}
	}
}

func (r *responder) end(status, reason string) {
	r.rollout.Status, r.rollout.Reason = status, reason
	for i := range r.rollout.Members {
		if m := &r.rollout.Members[i]; m.Step == "safe" || m.Step == "waiting" {
			m.Step = "released"
		}
	}
}

func (r *responder) getRollout(*http.Request) (int, any) {
	if r.rollout == nil {
		return http.StatusNotFound, "the pool has never had a rollout"
	}
	return http.StatusOK, r.copy()
}

func (r *responder) cancel(*http.Request) (int, any) {
	if r.rollout.Status == "running" || r.rollout.Status == "paused" {
		r.end("cancelled", "by order")
	}
	return http.StatusOK, r.copy()
}

func (r *responder) report(q *http.Request) (int, any) {
	var report api.RolloutReport
	r.read(q, &report)
	if r.rollout == nil || report.Rollout != r.rollout.ID {
		return http.StatusConflict, "another rollout is under way"
	}
	if report.Member == "" {
		r.beats++
		return http.StatusOK, r.copy()
	}
	i := slices.IndexFunc(r.rollout.Members, func(m api.RolloutMember) bool { return m.ID == report.Member })
	m := &r.rollout.Members[i]
	if m.Step == "failed" && m.Error == "timeout" && r.rollout.Status != "running" && report.Result == "done" {
		r.reports = append(r.reports, report.Member+" done late")
		m.Error = ""
		return http.StatusOK, r.copy()
	}
	wants := map[string]string{"started": "safe", "done": "replacing", "failed": "replacing"}
	if m.Step != wants[report.Result] || report.Result == "started" && r.rollout.Status != "running" {
		return http.StatusConflict, "the member is " + m.Step
	}
	r.reports = append(r.reports, report.Member+" "+report.Result)
	switch report.Result {
	case "started":
		m.Step = "replacing"
	case "done":
		m.Step = "done"
	case "failed":
		m.Step, m.Error = "failed", report.Error
	}
	r.move()
	return http.StatusOK, r.copy()
}
