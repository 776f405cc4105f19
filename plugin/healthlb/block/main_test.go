package block

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is the time of every test. It lies between two seconds, as times mostly do.
var now = time.Date(2026, 5, 4, 3, 2, 1, 700_000_000, time.UTC)

// in is the expiry of an order given now for d.
func in(d time.Duration) time.Time { return wholeSecond(now.Add(d)) }

// same tells whether two lists say the same in the same order.
func same(a, b []Entry) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d entries and %d: %v and %v", len(a), len(b), a, b)
	}
	for i := range a {
		if !a[i].Equal(b[i]) {
			return fmt.Errorf("entry %d: %v and %v", i, a[i], b[i])
		}
	}
	return nil
}

// drawAddr draws from few addresses, so that networks cover them and keys meet.
func drawAddr(t *rapid.T) netip.Addr {
	if rapid.Bool().Draw(t, "ipv6") {
		a := netip.MustParseAddr("2001:db8::").As16()
		a[4], a[15] = rapid.SampledFrom([]byte{0, 0x80}).Draw(t, "byte 4"), rapid.ByteRange(0, 3).Draw(t, "byte 15")
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte{192, 0, rapid.SampledFrom([]byte{2, 130}).Draw(t, "byte 2"), rapid.ByteRange(0, 3).Draw(t, "byte 3")})
}

func drawPrefix(t *rapid.T) netip.Prefix {
	addr := drawAddr(t)
	bits := rapid.SampledFrom([]int{0, 8, 16, 24, 31, 32, 33, 127, 128}).Draw(t, "bits")
	prefix, err := addr.Prefix(min(bits, addr.BitLen()))
	if err != nil {
		t.Fatal(err)
	}
	return prefix
}

var pools = []string{"", "www.lb.example.", "*.lb.example.", `a\.b.example.`, "."}

// drawEntry draws a valid order as of now.
func drawEntry(t *rapid.T) Entry {
	e := Entry{
		Prefix: drawPrefix(t),
		Pool:   rapid.SampledFrom(pools).Draw(t, "pool"),
		Owner:  rapid.StringOfN(rapid.RuneFrom([]rune(`ab#=\:é`)), 0, 3, MaxOwner).Draw(t, "owner"),
		Reason: rapid.StringOfN(rapid.RuneFrom([]rune("ab #=\"\\',é\u00a0")), 0, 12, MaxReason).Draw(t, "reason"),
		Mode:   rapid.SampledFrom([]Mode{Omit, NoRegister}).Draw(t, "mode"),
	}
	if rapid.Bool().Draw(t, "expires") {
		e.Until = in(time.Duration(rapid.Int64Range(1, int64(MaxFor)).Draw(t, "for")))
	}
	return e
}

// drawEntries draws entries of distinct keys.
func drawEntries(t *rapid.T) []Entry {
	return rapid.SliceOfNDistinct(rapid.Custom(drawEntry), 0, 12, Entry.Key).Draw(t, "entries")
}
