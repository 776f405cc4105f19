package block

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseText(t *testing.T) {
	prefix := netip.MustParsePrefix
	for _, test := range []struct {
		name, text string
		want       []Entry
	}{
		{"nothing", "", nil},
		{"only comments and space", "# one\n\n   \t # two\r\n", nil},
		{"an address", "192.0.2.7", []Entry{{Prefix: prefix("192.0.2.7/32"), Mode: Omit}}},
		{"a network", "2001:db8::/32\n", []Entry{{Prefix: prefix("2001:db8::/32"), Mode: Omit}}},
		{"CRLF", "192.0.2.7 owner=a\r\n192.0.2.8\r\n", []Entry{
			{Prefix: prefix("192.0.2.7/32"), Owner: "a", Mode: Omit}, {Prefix: prefix("192.0.2.8/32"), Mode: Omit}}},
		{"a pool becomes a lower-case FQDN", "192.0.2.7 pool=WWW.Lb.example", []Entry{
			{Prefix: prefix("192.0.2.7/32"), Pool: "www.lb.example.", Mode: Omit}}},
		{"all words, in any order", `192.0.2.7 mode=no-register owner=ops reason="disk full" for=90m pool=*.lb.example.`, []Entry{{
			Prefix: prefix("192.0.2.7/32"), Pool: "*.lb.example.", Owner: "ops", Reason: "disk full", Mode: NoRegister, Until: in(90 * time.Minute)}}},
		{"quotes and backslashes", `192.0.2.7 reason="say \"no\" to C:\\"`, []Entry{
			{Prefix: prefix("192.0.2.7/32"), Reason: `say "no" to C:\`, Mode: Omit}}},
		{"a backslash without quotes is one", `192.0.2.7 reason=C:\x`, []Entry{{Prefix: prefix("192.0.2.7/32"), Reason: `C:\x`, Mode: Omit}}},
		{"a # in quotes stays", `192.0.2.8 reason="a # b" # gone`, []Entry{{Prefix: prefix("192.0.2.8/32"), Reason: "a # b", Mode: Omit}}},
		{"a # in a word stays", `192.0.2.8 reason=bug#5`, []Entry{{Prefix: prefix("192.0.2.8/32"), Reason: "bug#5", Mode: Omit}}},
		{"one address in several pools and of several owners", "192.0.2.7\n192.0.2.7 pool=a.example\n192.0.2.7 owner=me\n", []Entry{
			{Prefix: prefix("192.0.2.7/32"), Mode: Omit}, {Prefix: prefix("192.0.2.7/32"), Pool: "a.example.", Mode: Omit},
			{Prefix: prefix("192.0.2.7/32"), Owner: "me", Mode: Omit}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseText([]byte(test.text), now)
			if err != nil {
				t.Fatal(err)
			}
			if err := same(got, test.want); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUntilIsAWholeSecondAndNeverEarly(t *testing.T) {
	got, err := ParseText([]byte("192.0.2.7 for=1s"), now)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 5, 4, 3, 2, 3, 0, time.UTC); got[0].Until != want {
		t.Errorf("until %v, want %v", got[0].Until, want)
	}
}

func TestParseTextErrors(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"the line is named", "192.0.2.1\n# x\nfoo\n", "line 3: "},
		{"no address", "www.example.org", `"www.example.org" is neither an IP address nor a network`},
		{"a word first", "pool=a.example", `"pool=a.example" is neither an IP address`},
		{"host bits", "192.0.2.7/24", "192.0.2.7/24 has host bits: write 192.0.2.0/24"},
		{"host bits of IPv6", "2001:db8::1/32", "2001:db8::1/32 has host bits: write 2001:db8::/32"},
		{"no prefix length", "192.0.2.0/33", `"192.0.2.0/33" is no network`},
		{"IPv4-mapped", "::ffff:192.0.2.7", "is an IPv4-mapped IPv6 address: write 192.0.2.7"},
		{"IPv4-mapped network", "::ffff:192.0.2.0/120", "is an IPv4-mapped IPv6 network: write 192.0.2.0/24"},
		{"zone", "fe80::1%eth0", "fe80::1%eth0 has a zone: write fe80::1"},
		{"zone of a network", "fe80::%eth0/64", `"fe80::%eth0/64" has a zone: write fe80::/64`},
		{"unknown word", "192.0.2.7 resaon=x", `unknown word "resaon": want pool=, for=`},
		{"until belongs to JSON", "192.0.2.7 until=2030-01-01T00:00:00Z", `unknown word "until"`},
		{"address as a word", "192.0.2.7 address=192.0.2.8", `unknown word "address"`},
		{"bare word", "192.0.2.7 disk full", `"disk" where NAME=VALUE belongs`},
		{"two addresses", "192.0.2.7 192.0.2.8", `"192.0.2.8" where NAME=VALUE belongs`},
		{"reason without quotes", "192.0.2.7 reason=disk full", `"full" where NAME=VALUE belongs: a value with spaces stands in double quotes`},
		{"twice", "192.0.2.7 owner=a owner=a", "owner is said twice"},
		{"open quote", `192.0.2.7 reason="disk full`, "reason: the closing quote is missing"},
		{"escaped quote leaves it open", `192.0.2.7 reason="disk full\"`, "the closing quote is missing"},
		{"unknown escape", `192.0.2.7 reason="C:\x"`, `write \\ for a backslash`},
		{"text behind a quote", `192.0.2.7 reason="a"b`, "'b' follows the closing quote"},
		{"comment right behind a quote", `192.0.2.7 reason="a"# b`, "'#' follows the closing quote"},
		{"quote in the middle", `192.0.2.7 reason=a"b"`, "has a quote in its middle"},
		{"empty pool", "192.0.2.7 pool=", "the pool is empty"},
		{"bad pool", "192.0.2.7 pool=a..b", `pool "a..b" is no domain name`},
		{"long label", "192.0.2.7 pool=" + strings.Repeat("a", 64), "is no domain name"},
		{"empty for", "192.0.2.7 for=", `for "" is no duration`},
		{"for without a unit", "192.0.2.7 for=60", `for "60" is no duration: want a number with a unit`},
		{"for in days", "192.0.2.7 for=3d", "there is none for days"},
		{"for 0", "192.0.2.7 for=0s", "for 0s is out of range"},
		{"for below 0", "192.0.2.7 for=-1h", "for -1h is out of range"},
		{"for above 10 years", "192.0.2.7 for=87601h", "at most 87600h (10 years)"},
		{"empty mode", "192.0.2.7 mode=", `mode "" is unknown`},
		{"unknown mode", "192.0.2.7 mode=Omit", `mode "Omit" is unknown: want omit or no-register`},
		{"long reason", "192.0.2.7 reason=" + strings.Repeat("a", 257), "the reason has 257 bytes: want at most 256"},
		{"long owner", "192.0.2.7 owner=" + strings.Repeat("a", 65), "the owner has 65 bytes: want at most 64"},
		{"owner with a space", `192.0.2.7 owner="a b"`, `owner "a b" has the character ' '`},
		{"owner with a quote", `192.0.2.7 owner=o'b`, `has the character '\''`},
		{"control character in a reason", "192.0.2.7 reason=a\x07", `has the unprintable character '\a'`},
		{"tab in a quoted reason", "192.0.2.7 reason=\"a\tb\"", `has the unprintable character '\t'`},
		{"right-to-left override", "192.0.2.7 reason=a\u202eb", "has the unprintable character"},
		{"carriage return within a line", "192.0.2.7 owner=a\rb", "has the character '\\r'"},
		{"NUL", "192.0.2.7\x00", "is neither an IP address"},
		{"no UTF-8", "192.0.2.7 reason=\xff", "is not UTF-8"},
		{"one key on two lines", "# \n192.0.2.7 reason=a\n\n192.0.2.7/32 reason=b mode=no-register", "line 4: the same address, pool and owner as in line 2"},
		{"one key in two spellings", "2001:db8::1 pool=A.example\n2001:DB8:0::1 pool=a.example.", "line 2: the same address, pool and owner as in line 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseText([]byte(test.text), now)
			if err == nil {
				t.Fatalf("accepted as %v", got)
			}
			if !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q is of several lines", err)
			}
		})
	}
}

func TestFormatTextLeavesOutWhatHasRunOut(t *testing.T) {
	entries := []Entry{
		{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Mode: Omit, Until: now.Add(-time.Second)},
		{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Pool: "a.example.", Owner: "me", Reason: `"no"`, Mode: NoRegister, Until: in(time.Hour)},
	}
	want := `192.0.2.0/24 pool=a.example. for=1h0m0s reason="\"no\"" owner=me mode=no-register` + "\n"
	if got := string(FormatText(entries, now)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStringSaysTheExpiry(t *testing.T) {
	e := Entry{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Reason: "disk full", Mode: Omit, Until: in(0)}
	if got, want := e.String(), `192.0.2.1 until=2026-05-04T03:02:02Z reason="disk full" mode=omit`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawEntries(t)
		text := FormatText(entries, now)
		got, err := ParseText(text, now)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if err := same(got, entries); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}

func FuzzParseText(f *testing.F) {
	for _, seed := range []string{
		"192.0.2.7\n", "2001:db8::/32 pool=*.a for=1h reason=\"a \\\" # b\" owner=x mode=omit # c\r\n", "0.0.0.0/0 for=1ns",
		"192.0.2.7/24", "::ffff:1.2.3.4", "fe80::1%eth0", "1.1.1.1 reason=\"", "1.1.1.1 reason=\\", "#", "1.1.1.1 pool=. for=87600h",
		"1.1.1.1 pool=\"\\\\097.\"", "1.1.1.1 pool=\\0\\", "1.1.1.1 pool=\\0\\.", "1.1.1.1 pool=a\\032b", "1.1.1.1 =\"\"", "::/0 owner=#\n::/0",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := ParseText(data, now)
		if err != nil {
			return
		}
		text := FormatText(entries, now)
		again, err := ParseText(text, now)
		if err != nil {
			t.Fatalf("accepted, but not in the form of FormatText: %v\n%s", err, text)
		}
		if err := same(again, entries); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}
