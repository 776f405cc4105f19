package healthlb

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
	"example.org/healthlb/plugin/healthlb/event"
	"example.org/healthlb/plugin/healthlb/pool"
)

// historyLength is how many events are kept for those who come later: 3.4 MB of transitions.
const historyLength = 10_000

// Events implements admin.Backend.
func (h *hub) Events() *event.Log { return h.events }

// tell writes an event down, and into the log.
func (h *hub) tell(e api.Event) {
	if e.By != "" && !strings.HasSuffix(e.Text, "by "+e.By) {
		e.Text += ", by " + e.By
	}
	log.Info(e.Text)
	h.events.Tell(e)
}

// orderText says whose order something is, and why, in the words of the block list.
func orderText(owner, reason string) (text string) {
	if reason != "" {
		text += fmt.Sprintf(" reason=%q", reason)
	}
	if owner != "" {
		text += " owner=" + owner
	}
	return text
}

// tellTransition writes down that a member has changed its state.
func (h *hub) tellTransition(t *pool.Transition) {
	text := fmt.Sprintf("Pool %s member %s %s %s: %s -> %s", t.Pool, t.Member, t.Family, t.Address, t.From, t.To)
	if t.Reason != "" {
		text += ": " + t.Reason
	}
	h.log.write(t.To, text)
	h.events.Tell(api.Event{
		Type: "transition", Pool: t.Pool, Member: t.Member, Family: t.Family.String(), Address: t.Address.String(),
		From: t.From.String(), To: t.To.String(), Reason: t.Reason, Text: text,
	})
}

// manyBlocks is how many entries may change at once for each to be an event of its own. More would push all else out of the history.
const manyBlocks = 100

// tellBlocks writes down what has changed in the block list. That blocks last longer than before is no news: their owners renew them.
func (h *hub) tellBlocks(before, after *block.Set, by string) {
	added, gone := news(before, after)
	if len(added)+len(gone) > manyBlocks {
		h.tell(api.Event{Type: "block", By: by, Text: fmt.Sprintf("Block list changed: entries before: %d, now: %d", before.Len(), after.Len())})
		return
	}
	for _, e := range added {
		h.tell(blockEvent("block", "Blocked", e, by))
	}
	for _, e := range gone {
		h.tell(blockEvent("unblock", "Unblocked", e, by))
	}
}

// news returns the entries that are new or say something else than before, and those that are gone.
func news(before, after *block.Set) (added, gone []block.Entry) {
	diff, now := block.Diff(before, after), after.Entries()
	for i := 0; i < len(diff); i++ {
		e := diff[i]
		switch {
		case i+1 < len(diff) && block.Compare(e, diff[i+1]) == 0:
			i++
			if is := diff[i]; is.Mode != e.Mode || is.Reason != e.Reason {
				added = append(added, is)
			}
		case contained(now, e):
			added = append(added, e)
		default:
			gone = append(gone, e)
		}
	}
	return added, gone
}

// contained says whether entries, in canonical order, has one of the key of e.
func contained(entries []block.Entry, e block.Entry) bool {
	_, found := slices.BinarySearchFunc(entries, e, block.Compare)
	return found
}

func blockEvent(kind, word string, e block.Entry, by string) api.Event {
	return api.Event{
		Type: kind, Pool: e.Pool, Address: e.Address(), Reason: e.Reason, Owner: e.Owner, By: by, Text: word + " " + e.String(),
	}
}

// tellReload writes down that another Corefile is in force.
func (h *hub) tellReload(g *generation) {
	h.events.Tell(api.Event{Type: "reload", Time: time.Now(), Text: fmt.Sprintf("A Corefile came into force, pools: %d", len(g.set.Load().sorted))})
}
