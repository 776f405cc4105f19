package config

import "testing"

func TestStaticChecks(t *testing.T) {
	testRight(t, []right[*Pool]{
		{"check up", checks, []string{"0 up"}},
		{"check down", checks, []string{"0 down"}},
		{"check up\ncheck tcp", checks, []string{"0 up", "443 tcp"}},
	}, onlyPool)
}

func TestWrongStaticChecks(t *testing.T) { testWrong(t, wrongStaticChecks, inPool) }

var wrongStaticChecks = []wrong{
	{"check up 80", "4: check up 80: is a port, and this check asks nobody; leave it out"},
	{"check down 1", "4: check down 1: is a port, and this check asks nobody; leave it out"},
	{"check up 0", "4: check up 0: is no port; write a number from 1 to 65535"},
	{"check up path /", "4: check up path: is one word too many; this check has no options"},
	{"check down down", "4: check down down: is one word too many; this check has no options"},
	{"check up\ncheck up", "5: check up: is the same check as at Testfile:4; leave one out"},
	{"check up {\n}", `4: check up {: has no block; leave out the braces (in send and expect write \x7b and \x7d)`},
}
