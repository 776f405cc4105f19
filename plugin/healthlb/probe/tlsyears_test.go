package probe

import (
	"testing"
	"time"
)

// A certificate may run out at the end of the year 9999 west of Greenwich, which nobody could be told in RFC 3339.
func TestCertificateOfTheYear10000(t *testing.T) {
	west := time.FixedZone("", -7*60*60)
	for _, tc := range []struct{ until, want time.Time }{
		{time.Date(9999, 12, 31, 23, 59, 59, 0, west), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{time.Date(2026, 1, 1, 0, 0, 0, 0, west), time.Date(2026, 1, 1, 7, 0, 0, 0, time.UTC)},
	} {
		got := withinYears(tc.until)
		if _, err := got.MarshalJSON(); err != nil || got != tc.want {
			t.Errorf("%v: got %v, %v", tc.until, got, err)
		}
	}
}
