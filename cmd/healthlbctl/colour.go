package main

import "strings"

// The colours of a terminal (ECMA-48, SGR).
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	grey   = "90"
)

// colours are those of states, steps and the like; what is not here has none.
var colours = map[string]string{
	"up": green, "full": green, "done": green, "running": green, "pass": green,
	"suspect": yellow, "degraded": yellow, "lame": yellow, "unknown": yellow, "draining": yellow, "paused": yellow, "returning": yellow,
	"safe": yellow, "replacing": yellow, "cancelled": yellow, "released": yellow, "inconclusive": yellow,
	"down": red, "empty": red, "failed": red, "abandoned": red, "fail": red,
	"blocked": grey, "drained": grey, "no-register": grey,
}

// paint colours the words of a state, which are separated by commas, where colours can be seen and are wanted (https://no-color.org).
func (a *app) paint(state string) string {
	if !a.outIsTerminal || a.getenv("NO_COLOR") != "" || a.getenv("TERM") == "dumb" {
		return printable(state)
	}
	words := strings.Split(printable(state), ",")
	for i, word := range words {
		if colour, known := colours[word]; known {
			words[i] = "\x1b[" + colour + "m" + word + "\x1b[0m"
		}
	}
	return strings.Join(words, ",")
}
