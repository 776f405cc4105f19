package probe

import (
	"net/netip"
	"testing"

	"example.org/healthlb/plugin/healthlb/health"
)

func TestStatic(t *testing.T) {
	nowhere := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), 0)
	wantResult(t, NewStatic(true), nowhere, enough, health.Pass, "")
	wantResult(t, NewStatic(false), nowhere, enough, health.Fail, "the Corefile says down")
	for up, name := range map[bool]string{true: "up", false: "down"} {
		c := NewStatic(up)
		if c.Kind() != name || c.Name() != name || c.Key() != name || c.Port() != 0 {
			t.Errorf("kind %s, name %s, key %s, port %d, want %s", c.Kind(), c.Name(), c.Key(), c.Port(), name)
		}
	}
}
