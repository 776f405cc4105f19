package admin

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
)

// lastEvent is the header in which a reader says where he was cut off.
const lastEvent = "Last-Event-ID"

func (s *service) eventCalls() {
	forms := content(mediaJSON, schemaOf[[]api.Event](s))
	forms[mediaStream] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: "server-sent events: id is the event's id, " +
		"event its type, and data the Event in JSON. A comment line comes every 15 seconds. A reader who is too slow is cut off."}}
	answers(s, call{
		method: http.MethodGet, path: "/v1/events", id: "events",
		summary: "Follow what happens, or show what has happened",
		text: "A stream that begins with the history and goes on. With `Accept: application/json` liked better than text/event-stream, " +
			"the history, and no more. The header Last-Event-ID goes on behind an event, and counts more than after.",
		query: []parameter{
			{name: "pool", doc: "only the events of this pool, and those that concern all pools"},
			{name: "after", doc: "only events behind the one of this id; without it, or 0, all that are kept"},
		},
		produces: forms, fails: []int{http.StatusServiceUnavailable},
	}, (*service).getEvents)
}

// eventQuery says which events a reader wants.
type eventQuery struct {
	after uint64
	pool  string // empty: of all pools
}

// getEvents tells what has happened, and then, unless the caller likes JSON better, what happens.
func (s *service) getEvents(r *request) error {
	q, err := parseEvents(r.Header, r.query)
	if err != nil {
		return err
	}
	r.to.Header().Set("Vary", "Accept")
	if !r.wants(mediaJSON, mediaStream) {
		return s.stream(r, q)
	}
	history, _ := s.backend.Events().History(q.after) // where some are lost, it has an event that says so
	events := []api.Event{}
	for _, e := range history {
		if q.matches(e) {
			events = append(events, e)
		}
	}
	respond(r.to, http.StatusOK, mediaJSON, events)
	return nil
}

// parseEvents reads what a reader asks for. A browser that comes back says so in the header, and has the query of the first time still.
func parseEvents(header http.Header, query map[string]string) (q eventQuery, err error) {
	if after, given := query["after"]; given {
		if q.after, err = parseEventID("after", after); err != nil {
			return eventQuery{}, err
		}
	}
	if _, given := header[http.CanonicalHeaderKey(lastEvent)]; given {
		last, err := single(header, lastEvent)
		if err != nil {
			return eventQuery{}, err
		}
		if q.after, err = parseEventID(lastEvent, last); err != nil {
			return eventQuery{}, err
		}
	}
	if pool, given := query["pool"]; given {
		if q.pool, err = block.ParsePool(pool); err != nil {
			return eventQuery{}, NewProblem(http.StatusBadRequest, "%v", err)
		}
	}
	return q, nil
}

func parseEventID(place, s string) (uint64, error) {
	id, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		if len(s) > 40 {
			s = s[:40] + "..."
		}
		return 0, bad(place, "%q is no id of an event: want a number", s)
	}
	return id, nil
}

// matches tells whether an event is one of those wanted. Those of no pool, such as a reload, a block for all pools, and the note that
// some are lost, are wanted by everybody.
func (q eventQuery) matches(e api.Event) bool {
	return q.pool == "" || e.Pool == "" || e.Pool == q.pool
}
