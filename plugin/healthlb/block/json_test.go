package block

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseJSON(t *testing.T) {
	prefix := netip.MustParsePrefix
	for _, test := range []struct {
		name, json string
		want       []Entry
	}{
		{"nothing", " [ ]\n", nil},
		{"an address", `[{"address":"192.0.2.7"}]`, []Entry{{Prefix: prefix("192.0.2.7/32"), Mode: Omit}}},
		{"all fields", `[{"mode":"no-register","owner":"ops","reason":"disk full","for":"1h","pool":"WWW.example","address":"2001:db8::/32"}]`,
			[]Entry{{Prefix: prefix("2001:db8::/32"), Pool: "www.example.", Owner: "ops", Reason: "disk full", Mode: NoRegister, Until: in(time.Hour)}}},
		{"until, in another zone, between seconds", `[{"address":"192.0.2.7","until":"2026-05-04T06:02:02.5+02:00"}]`,
			[]Entry{{Prefix: prefix("192.0.2.7/32"), Mode: Omit, Until: time.Date(2026, 5, 4, 4, 2, 3, 0, time.UTC)}}},
		{"empty reason and owner", `[{"address":"192.0.2.7","reason":"","owner":""}]`, []Entry{{Prefix: prefix("192.0.2.7/32"), Mode: Omit}}},
		{"the order stays", `[{"address":"192.0.2.8"},{"address":"192.0.2.7"}]`,
			[]Entry{{Prefix: prefix("192.0.2.8/32"), Mode: Omit}, {Prefix: prefix("192.0.2.7/32"), Mode: Omit}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseJSON([]byte(test.json), now)
			if err != nil {
				t.Fatal(err)
			}
			if err := same(got, test.want); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestParseJSONErrors(t *testing.T) {
	for _, test := range []struct{ name, json, want string }{
		{"nothing", "", "the JSON ends where an array of entries belongs"},
		{"null", "null", "want an array of entries, not null"},
		{"one object", `{"address":"192.0.2.7"}`, `want an array of entries, not a "{"`},
		{"no JSON", "pool=a", "bad JSON"}, {"a number", "192", "want an array of entries, not 192"},
		{"cut off", `[{"address":"192.0.2.7"}`, "the JSON ends where"},
		{"cut off in an object", `[{"address":"192.0.2.7"`, "entry [0]: the JSON ends where"},
		{"cut off in a name", `[{"addre`, "entry [0]: bad JSON"},
		{"trailing data", `[] []`, "something follows the JSON"},
		{"trailing bracket", `[]]`, "something follows the JSON"},
		{"comma at the end", `[{"address":"192.0.2.7"},]`, "bad JSON"},
		{"comma at an object's end", `[{"address":"192.0.2.7",}]`, "entry [0]: bad JSON"},
		{"a string for an entry", `["192.0.2.7"]`, "entry [0]: want an object, not a string"},
		{"the index is named", `[{"address":"192.0.2.7"},{"address":"192.0.2.8/24"}]`, "entry [1]: 192.0.2.8/24 has host bits: write 192.0.2.0/24"},
		{"no address", `[{}]`, "entry [0]: the address is missing"},
		{"unknown field", `[{"address":"192.0.2.7","adress":"x"}]`, `entry [0]: unknown field "adress": want address, pool`},
		{"a field in other case", `[{"Address":"192.0.2.7"}]`, `unknown field "Address"`},
		{"field twice", `[{"address":"192.0.2.7","address":"192.0.2.7"}]`, "entry [0]: address is said twice"},
		{"number", `[{"address":"192.0.2.7","for":60}]`, `entry [0]: the value of "for" is no string`},
		{"null value", `[{"address":"192.0.2.7","pool":null}]`, `the value of "pool" is no string: want one in quotes, or leave the field out`},
		{"object value", `[{"address":{"a":"192.0.2.7"}}]`, `the value of "address" is no string`},
		{"for and until", `[{"address":"192.0.2.7","for":"1h","until":"2030-01-01T00:00:00Z"}]`, "entry [0]: both for and until"},
		{"until is no time", `[{"address":"192.0.2.7","until":"tomorrow"}]`, `until "tomorrow" is no time: want RFC 3339`},
		{"empty until", `[{"address":"192.0.2.7","until":""}]`, `until "" is no time`},
		{"until past", `[{"address":"192.0.2.7","until":"2026-05-04T03:02:01Z"}]`, "entry [0]: until 2026-05-04T03:02:01Z is past (it is 2026-05-04T03:02:01Z now)"},
		{"until too far", `[{"address":"192.0.2.7","until":"2036-06-01T00:00:00Z"}]`, "is too far: want at most 10 years"},
		{"year 0", `[{"address":"192.0.2.7","until":"0001-01-01T00:00:00Z"}]`, "is out of range"},
		{"empty pool", `[{"address":"192.0.2.7","pool":""}]`, "the pool is empty"},
		{"control character", `[{"address":"192.0.2.7","reason":"a\u0000"}]`, "has the unprintable character"},
		{"newline", `[{"address":"192.0.2.7","reason":"a\nb"}]`, "has the unprintable character"},
		{"no UTF-8", "[{\"address\":\"192.0.2.7\",\"reason\":\"\xff\"}]", "not UTF-8"},
		{"one key twice", `[{"address":"192.0.2.7"},{"address":"192.0.2.8"},{"address":"192.0.2.7/32"}]`, "entry [2]: the same address, pool and owner as in entry [0]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseJSON([]byte(test.json), now)
			if err == nil {
				t.Fatalf("accepted as %v", got)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
		})
	}
}

func TestMarshalJSON(t *testing.T) {
	for _, test := range []struct {
		name string
		e    Entry
		want string
	}{
		{"an address", Entry{Prefix: netip.MustParsePrefix("192.0.2.7/32"), Mode: Omit}, `{"address":"192.0.2.7","mode":"omit"}`},
		{"all fields", Entry{Prefix: netip.MustParsePrefix("2001:db8::/32"), Pool: "a.", Owner: "me", Reason: "r", Mode: NoRegister, Until: in(0)},
			`{"address":"2001:db8::/32","pool":"a.","until":"2026-05-04T03:02:02Z","reason":"r","owner":"me","mode":"no-register"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := json.Marshal(test.e)
			if err != nil || string(got) != test.want {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
	if _, err := json.Marshal(Entry{}); err == nil {
		t.Error("an entry without an address has a JSON form")
	}
}

func TestUnmarshalJSONTakesWhatHasRunOut(t *testing.T) {
	var e Entry
	if err := json.Unmarshal([]byte(`{"address":"192.0.2.7","until":"1999-01-01T00:00:00Z"}`), &e); err != nil {
		t.Fatal(err)
	}
	if !e.Expired(now) {
		t.Errorf("%v has not run out", e)
	}
	for _, bad := range []string{`{"address":"192.0.2.7","for":"1h"}`, `{"address":"192.0.2.7","x":"y"}`, `null`, `"192.0.2.7"`, `{}`} {
		if err := json.Unmarshal([]byte(bad), &e); err == nil {
			t.Errorf("%s is accepted as %v", bad, e)
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawEntries(t)
		data, err := json.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseJSON(data, now)
		if err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if err := same(got, entries); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		var kept []Entry
		if err := json.Unmarshal(data, &kept); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if err := same(kept, entries); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{
		`[]`, `[{"address":"192.0.2.7"}]`, `[{"address":"::/0","pool":"*.a","for":"1ns","reason":"\"","owner":"\\","mode":"no-register"}]`,
		`[{"address":"192.0.2.7","until":"2030-01-01T00:00:00.1+01:00"}]`, `null`, `[{"a`, `[{"address":"\ud800"}]`, `[{},]`, `[[[[`,
		`[{"address":"192.0.2.7","reason":"\ud83d\ude00"}]`, `[{"address":"192.0.2.7"}] x`, `[1e999]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := ParseJSON(data, now)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted, but no JSON: %q", data)
		}
		written, err := json.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return // null
		}
		again, err := ParseJSON(written, now)
		if err != nil {
			t.Fatalf("accepted, but not as written again: %v\n%s", err, written)
		}
		if err := same(again, entries); err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
	})
}
