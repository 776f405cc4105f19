package main

import (
	"fmt"
	"strings"
	"time"

	"example.org/healthlb/api"
)

// stateNotes say in what way the states of a pool cannot be taken at their word; mostly there is nothing to say.
func stateNotes(p api.Pool) (notes []string) {
	if p.Isolated {
		notes = append(notes, "isolated")
	}
	if p.Stale > 0 {
		notes = append(notes, plural(p.Stale, "check")+" stale")
	}
	return notes
}

// reasonText is why a pool is not as it should be, or not known to be.
func reasonText(p api.Pool) string {
	notes := stateNotes(p)
	if p.Reason != "" {
		notes = append(notes, p.Reason)
	}
	return strings.Join(notes, "; ")
}

// memberNotes are lines on members with something to tell beside their state. What is true of several is one line.
func (a *app) memberNotes(p api.Pool) []string {
	var n notes
	for _, m := range p.Members {
		for _, address := range m.Addresses {
			who := printable(m.ID)
			if m.ID != address.Address {
				who += " " + printable(address.Address)
			}
			a.addressNotes(&n, who, address)
			for _, check := range address.Checks {
				of := who
				if len(address.Checks) > 1 {
					of += " " + printable(check.Check)
				}
				a.checkNotes(&n, of, check)
			}
		}
	}
	return n.lines()
}

func (a *app) addressNotes(n *notes, who string, address api.Address) {
	var held []string
	if address.HeldUntil != nil {
		held = append(held, "held down for flapping until "+a.ahead(*address.HeldUntil, "now"))
	}
	if address.Excused {
		if len(held) == 0 {
			held = append(held, "down only for a certificate that has run out")
		}
		held = append(held, "answered with when fewer than min_up others are eligible")
	}
	if len(held) > 0 {
		n.add(strings.Join(held, "; "), who)
	}
	if address.Weight != nil && *address.Weight != 100 {
		n.add(fmt.Sprintf("the agent asks for %d%% of the weight", *address.Weight), who)
	}
}

func (a *app) checkNotes(n *notes, of string, check api.Check) {
	if check.Stale {
		n.add("stale: no news for longer than an interval, and the state may be old", of)
	}
	switch {
	case check.Tripwire == "none":
		n.add("no tripwire, for want of descriptors", of)
	case check.Tripwire == "waiting" && (check.State == "up" || check.State == "suspect"): // who is down has none
		n.add("the tripwire waits to be made again", of)
	}
	if check.CertWarning && check.CertExpires != nil {
		n.add("the certificate "+a.expiryText(*check.CertExpires), of)
	}
}

// expiryText is when a certificate runs out, or did.
func (a *app) expiryText(t time.Time) string {
	if left := t.Sub(a.now()); left > 0 {
		return fmt.Sprintf("runs out %s (in %s)", a.clock(t), length(left))
	}
	return "ran out " + a.clock(t)
}

// notes are texts in the order of their coming, each with those of whom it is true.
type notes struct {
	texts []string
	of    map[string][]string
}

func (n *notes) add(text, who string) {
	if n.of == nil {
		n.of = map[string][]string{}
	}
	if n.of[text] == nil {
		n.texts = append(n.texts, text)
	}
	n.of[text] = append(n.of[text], who)
}

// mostNamed is how many are named in one note. There may be thousands; -o json has all.
const mostNamed = 3

func (n *notes) lines() (lines []string) {
	for _, text := range n.texts {
		who := n.of[text]
		more := ""
		if others := len(who) - mostNamed; others > 0 {
			who, more = who[:mostNamed], fmt.Sprintf(" and %d more", others)
		}
		lines = append(lines, strings.Join(who, ", ")+more+": "+text)
	}
	return lines
}
