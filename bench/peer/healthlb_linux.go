package peer

import (
	"fmt"
	"strings"
)

// Healthlb is what this repository is about, by its defaults: all eligible members by turns, up to four of them.
func Healthlb() Server {
	return Server{Name: "healthlb", Answers: 4, Start: func(s Setup) (*Process, error) {
		return StartCoreDNS(s.Binary, s.Dir, s.Core, s.corefile(s.healthlb("policy round_robin", "answers 4")))
	}}
}

// Express is the same with express, on one socket as there is one core.
func Express() Server {
	return Server{Name: "healthlb express", Answers: 4, Start: func(s Setup) (*Process, error) {
		return StartCoreDNS(s.Binary, s.Dir, s.Core, s.corefile(s.healthlb("express 1", "policy round_robin", "answers 4")))
	}}
}

// healthlb is a healthlb block with the settings given, of which each is a line.
func (s Setup) healthlb(settings ...string) string {
	var w strings.Builder
	w.WriteString("healthlb {\n")
	if s.Members == 0 {
		settings = append(settings, "check up")
	} else {
		settings = append(settings, fmt.Sprintf("check tcp %d", s.Members))
	}
	if s.Every != 0 {
		settings = append(settings, fmt.Sprintf("interval %v", s.Every))
	}
	for _, line := range settings {
		fmt.Fprintf(&w, "        %s\n", line)
	}
	for i, members := range s.Pools {
		fmt.Fprintf(&w, "        pool %s.example.org {\n", PoolName(i))
		for _, member := range members {
			fmt.Fprintf(&w, "            member %v\n", member)
		}
		w.WriteString("        }\n")
	}
	return w.String() + "    }"
}
