package admin

import (
	"cmp"
	"net/http"
	"strings"
	"unicode"

	"example.org/healthlb/api"
)

func (s *service) rolloutCalls() {
	const path = "/v1/pools/{pool}/rollout"
	ask(s, call{
		method: http.MethodGet, path: path, id: "getRollout",
		summary: "Show the rolling replacement of a pool",
		text:    "The one under way, or else the last one. 404: there never was one.", fails: []int{http.StatusNotFound},
	}, (*service).getRollout)
	send(s, call{
		method: http.MethodPut, path: path, id: "startRollout",
		summary: "Begin a rolling replacement",
		text: "The responder drains the members one after the other and says when each is safe to stop; the client that began it does the " +
			"replacing and reports. 409: one is under way, or the pool is not fit for it, with all the reasons.",
		query: []parameter{dryRun}, body: &specBody, fails: []int{http.StatusNotFound, http.StatusConflict},
	}, (*service).putRollout)
	for _, steering := range []struct {
		do   Steering
		text string
	}{
		{Pause, "What is under way goes on to where the pool is whole again; nobody else is drained."},
		{Resume, ""},
		{Cancel, "Members that are drained and not yet handed to the client are let back in. What has ended already stays as it is."},
	} {
		name := string(steering.do)
		ask(s, call{
			method: http.MethodPost, path: path + "/" + name, id: name + "Rollout",
			summary: strings.ToUpper(name[:1]) + name[1:] + " a rolling replacement", text: steering.text,
			fails: []int{http.StatusNotFound, http.StatusConflict},
		}, func(s *service, r *request) (api.Rollout, error) {
			return completeRollout(s.backend.SteerRollout(r.pool, steering.do, r.order()))
		})
	}
	send(s, call{
		method: http.MethodPost, path: path + "/report", id: "reportRollout",
		summary: "Report what the client has done",
		text:    "From the client that runs the rollout, also when there is nothing to tell: one that is silent for 30s is taken to be gone.",
		body:    &specBody, fails: []int{http.StatusNotFound, http.StatusConflict},
	}, (*service).postReport)
}

func (s *service) getRollout(r *request) (api.Rollout, error) {
	return completeRollout(s.backend.Rollout(r.pool))
}

func (s *service) putRollout(r *request, spec api.RolloutSpec) (api.Rollout, error) {
	err := cmp.Or(
		optional("body.region", "region", spec.Region),
		checkSpan("body.timeout", spec.Timeout),
		checkOwner("body.owner", spec.Owner),
		checkCommand(spec.Command),
	)
	if err != nil {
		return api.Rollout{}, err
	}
	return completeRollout(s.backend.StartRollout(r.pool, spec, r.order()))
}

func (s *service) postReport(r *request, report api.RolloutReport) (api.Rollout, error) {
	err := cmp.Or(checkRolloutID("body.rollout", report.Rollout), optional("body.member", "member", report.Member))
	switch {
	case err != nil:
		return api.Rollout{}, err
	case report.Member == "" && (report.Result != "" || report.Error != ""):
		return api.Rollout{}, bad("body.member", "it is missing: want the member that the result is of")
	case report.Member != "" && report.Result == "":
		return api.Rollout{}, bad("body.result", "it is missing: want started, done or failed, or no member")
	}
	// It is what a command said, of any length and on many lines: a report is not refused for that.
	report.Error = printable(strings.Map(spaced, report.Error), len(report.Error))
	return completeRollout(s.backend.ReportRollout(r.pool, report, r.order()))
}

// spaced makes spaces of the ends of lines.
func spaced(c rune) rune {
	if unicode.IsSpace(c) {
		return ' '
	}
	return c
}

// checkRolloutID refuses what cannot be the id of a rollout.
func checkRolloutID(place, s string) error {
	if s == "" {
		return bad(place, "it is empty: want the id that the rollout was given")
	}
	return checkOwner(place, s)
}

// checkCommand refuses what would not show as what it is. A command may have several lines.
func checkCommand(s string) error {
	if strings.ContainsFunc(s, func(c rune) bool { return c != '\n' && c != '\t' && notInText(c) }) {
		return bad("body.command", "it has an unprintable character: want printable ones, newlines and tabs")
	}
	return nil
}

// completeRollout makes an empty list of a missing one, as callers expect an array.
func completeRollout(r api.Rollout, err error) (api.Rollout, error) {
	if r.Members == nil {
		r.Members = []api.RolloutMember{}
	}
	return r, err
}
