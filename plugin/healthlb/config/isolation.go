package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// parseIsolation parses SHARE [witness ADDR:PORT...], or off.
func parseIsolation(a *args) (*Isolation, error) {
	share, err := take(a, "SHARE, for example 60%", orOff(parseShare))
	if err != nil || share == 0 {
		return nil, err
	}
	is := &Isolation{Share: share}
	if !a.more() {
		return is, nil
	}
	if _, err := take(a, "witness", func(s string) (struct{}, error) {
		if s != "witness" {
			return struct{}{}, unknown(s, "in an isolation line", []string{"witness"})
		}
		return struct{}{}, nil
	}); err != nil {
		return nil, err
	}
	for n := 0; n == 0 || a.more(); n++ {
		w, err := take(a, "ADDR:PORT", parseWitness)
		if err != nil {
			return nil, err
		}
		if slices.Contains(is.Witnesses, w) {
			return nil, a.fail(fault{"is there twice", "name each witness once"})
		}
		is.Witnesses = append(is.Witnesses, w)
	}
	return is, nil
}

// parseShare parses a percentage that leaves room on both sides.
func parseShare(s string) (float64, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(s, "%"), 10, 8)
	if err != nil || !strings.HasSuffix(s, "%") || n < 1 || n > 99 {
		return 0, fault{"is no share of the targets", "write a percentage from 1% to 99%, for example 60%"}
	}
	return float64(n) / 100, nil
}

func parseWitness(s string) (netip.AddrPort, error) {
	w, err := netip.ParseAddrPort(s)
	switch {
	case err != nil:
		return w, fault{"is no address with a port", "write one like 192.0.2.1:443 or [2001:db8::1]:443; names are not resolved"}
	case w.Port() == 0:
		return w, fault{"has no port", "write a number from 1 to 65535 behind the colon"}
	}
	if what := unfit(w.Addr()); what != "" {
		return w, fault{"is " + what + ", which no server can have", "write the server's own address"}
	}
	return w, nil
}

func (is *Isolation) equal(other *Isolation) bool {
	if is == nil || other == nil {
		return is == other
	}
	return is.Share == other.Share && slices.Equal(is.Witnesses, other.Witnesses)
}
