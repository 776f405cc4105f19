package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"example.org/healthlb/plugin/healthlb/place"
)

// regionOf returns the region of an address, empty for none.
func regionOf(t *place.Table, addr string) string {
	var all place.Set
	for i := range t.Regions() {
		all.Add(i)
	}
	region, _ := t.Find(netip.MustParseAddr(addr), &all)
	if region < 0 {
		return ""
	}
	return t.Regions()[region]
}

// regions returns the names of the regions of a block, and the regions of some addresses.
func regions(addrs ...string) func(*Block) any {
	return func(b *Block) any {
		if b.Places == nil {
			return "no places"
		}
		rs := append([]string{}, b.Places.Regions()...)
		for _, a := range addrs {
			rs = append(rs, a+" "+regionOf(b.Places, a))
		}
		return rs
	}
}

func byGeoIP(b *Block) any {
	if b.GeoIP == "" {
		return [...]string{"", ""}
	}
	return [...]string{b.GeoIP, b.geoIPAt.String()}
}

var rightPlaces = []right[*Block]{
	{"", regions(), "no places"},
	{"", func(b *Block) any { return b.PlacesFiles }, []string(nil)},
	{"", byGeoIP, [...]string{"", ""}},
	{"place eu 192.0.2.0/24", byGeoIP, [...]string{"", ""}},
	{"place eu 192.0.2.0/24", regions("192.0.2.9", "192.0.3.9"), []string{"eu", "192.0.2.9 eu", "192.0.3.9 "}},
	{"place us 198.51.100.0/24 2001:DB8::/32\nplace eu 192.0.2.0/24\nplace us 203.0.113.7",
		regions("198.51.100.1", "2001:db8::1", "192.0.2.1", "203.0.113.7", "203.0.113.8"),
		[]string{"eu", "us", "198.51.100.1 us", "2001:db8::1 us", "192.0.2.1 eu", "203.0.113.7 us", "203.0.113.8 "}},
	{"place a-1.B_c:2 0.0.0.0/0 ::/0", regions("10.0.0.1", "::1"), []string{"a-1.B_c:2", "10.0.0.1 a-1.B_c:2", "::1 a-1.B_c:2"}},

	// the more specific network counts, in any order of the lines
	{"place b 10.1.0.0/16\nplace a 10.0.0.0/8\nplace c 10.1.2.3/32", regions("10.0.0.1", "10.1.0.1", "10.1.2.3"),
		[]string{"a", "b", "c", "10.0.0.1 a", "10.1.0.1 b", "10.1.2.3 c"}},

	// twice the same is fine
	{"place eu 10.0.0.0/8 10.0.0.0/8\nplace eu 10.0.0.0/8", regions("10.0.0.1"), []string{"eu", "10.0.0.1 eu"}},
	{"place eu 10.0.0.1\nplace eu 10.0.0.1/32", regions("10.0.0.1"), []string{"eu", "10.0.0.1 eu"}},

	{"place geoip continent", byGeoIP, [...]string{"continent", "Testfile:4"}},
	{"interval 5s\nplace geoip country", byGeoIP, [...]string{"country", "Testfile:5"}},
	{"place geoip country", regions(), "no places"},
}

func TestPlaces(t *testing.T) { testRight(t, rightPlaces, blockOf) }

func TestWrongPlaces(t *testing.T) { testWrong(t, wrongPlaces, inBlock) }

const oneOrTheOther = "use one or the other: place geoip, or networks with place REGION CIDR... and places FILE"

var wrongPlaces = []wrong{
	{"place", "4: place: says too little; add REGION"},
	{"place eu", "4: place eu: says too little; add CIDR"},
	{"place e/u 10.0.0.0/8", "4: place e/u: is not allowed as a name here; use 1 to 63 of A-Z a-z 0-9 . _ : -"},
	{"place 10.0.0.0/8 eu", "4: place 10.0.0.0/8: is not allowed as a name here; use 1 to 63 of A-Z a-z 0-9 . _ : -"},
	{"place eu 10.0.0.0/8 x",
		"4: place eu 10.0.0.0/8 x: is no network; write a CIDR like 192.0.2.0/24 or 2001:db8::/32, or one address"},
	{"place eu 10.0.0.0/33",
		"4: place eu 10.0.0.0/33: is no network; write a CIDR like 192.0.2.0/24 or 2001:db8::/32, or one address"},
	{"place eu 10.0.0.1/8", "4: place eu 10.0.0.1/8: has bits set behind the prefix; write 10.0.0.0/8"},
	{"place eu 10.0.0.0/8 2001:db8::1/32", "4: place eu 10.0.0.0/8 2001:db8::1/32: has bits set behind the prefix; write 2001:db8::/32"},
	{"place eu ::ffff:10.0.0.0/104", "4: place eu ::ffff:10.0.0.0/104: is an IPv4-mapped IPv6 network; write it as the IPv4 network"},
	{"place eu 10.0.0.0/8 {\n}", "4: place eu 10.0.0.0/8: has no block; leave out the braces"},

	{"place eu 10.0.0.0/8\ninterval 5s\nplace us 10.0.0.0/8",
		"6: place us 10.0.0.0/8: is in the region eu by Testfile:4; say only one region of the same network"},
	{"place eu 10.0.0.1/32\nplace eu 10.0.0.1\nplace us 10.0.0.1",
		"6: place us 10.0.0.1: is in the region eu by Testfile:4; say only one region of the same network"},
	{"place eu ::/0 0.0.0.0/0\nplace us 10.0.0.0/8 ::/0\nplace us 0.0.0.0/0", // the first that is wrong
		"5: place us ::/0: is in the region eu by Testfile:4; say only one region of the same network"},

	{"place geoip", "4: place geoip: says too little; add continent or country"},
	{"place geoip 10.0.0.0/8", "4: place geoip 10.0.0.0/8: is not known as what geoip tells regions by; allowed: continent, country"},
	{"place geoip continents",
		"4: place geoip continents: is not known as what geoip tells regions by; did you mean continent? allowed: continent, country"},
	{"place geoip continent country",
		"4: place geoip continent country: is one word too many; leave it out, or put words that belong together in double quotes"},
	{"place geoip continent\nplace geoip country", "5: place geoip: was said before, at Testfile:4; say it once"},
	{"place geoip country\nplace geoip country", "5: place geoip: was said before, at Testfile:4; say it once"},
	{"place geoip country\nplace eu 10.0.0.0/8",
		"4: place geoip country: says where clients are, and so does Testfile:5; " + oneOrTheOther},
	{"places /nonexistent\nplace geoip country",
		"5: place geoip country: says where clients are, and so does Testfile:4; " + oneOrTheOther},

	{"places", "4: places: says too little; add FILE"},
	{"places a b", "4: places a b: is one word too many; leave it out, or put words that belong together in double quotes"},
	{"places /nonexistent", "4: places /nonexistent: no such file or directory"},
	{"places /dev/null",
		"4: places /dev/null: is no regular file; write the name of a file with a region and its networks on each line"},
	{"places /etc", "4: places /etc: is no regular file; write the name of a file with a region and its networks on each line"},
	{"places /etc/places\nplaces /etc/../etc/places",
		"5: places /etc/../etc/places: was said before, at Testfile:4; say it once"},
}

// manyRegions returns place lines for n regions.
func manyRegions(n int) string {
	var w strings.Builder
	for i := range n {
		fmt.Fprintf(&w, "place r%d 10.0.%d.%d\n", i, i>>8, i&255)
	}
	return w.String()
}

func TestManyRegions(t *testing.T) {
	b := blockOf(t, manyRegions(place.MaxRegions)+"place r0 10.1.0.0/16")
	if got := len(b.Places.Regions()); got != place.MaxRegions {
		t.Errorf("got %d regions", got)
	}
	testWrong(t, []wrong{{
		manyRegions(place.MaxRegions + 1),
		"260: place r256 10.0.1.0: is the 257th region; at most 256 are possible: put some together",
	}}, inBlock)
}

// placed is a Corefile with a place line of its own, and more in files.
const placed = `lb.example.org {
 healthlb {
  places a
  place own 10.0.0.0/8
  places sub/b
  pool www.lb.example.org {
   member 192.0.2.1
  }
 }
}
`

func reloaded(t *testing.T, b *Block) *place.Table {
	t.Helper()
	table, err := b.ReloadPlaces()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestPlacesFile(t *testing.T) {
	dir := files(t, map[string]string{
		"Corefile": placed,
		"a": "\ufeff# a byte order mark, and Windows line ends\r\n\r\n" +
			"  eu 192.0.2.0/24 2001:db8::/32 # the rest is comment\r\n" +
			"us\t198.51.100.0/24\r\nown 10.0.0.0/8\r\neu 10.1.0.0/16#\r\n",
		"sub/b": "asia 203.0.113.7",
	})
	b, err := parseCorefile(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Join(dir, "a"), filepath.Join(dir, "sub/b")}; !reflect.DeepEqual(b.PlacesFiles, want) {
		t.Errorf("files: got %v, want %v", b.PlacesFiles, want)
	}
	look := regions("192.0.2.1", "2001:db8::1", "198.51.100.1", "10.0.0.1", "10.1.0.1", "203.0.113.7")
	want := []string{"asia", "eu", "own", "us", "192.0.2.1 eu", "2001:db8::1 eu", "198.51.100.1 us", "10.0.0.1 own",
		"10.1.0.1 eu", "203.0.113.7 asia"}
	if got := look(b); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	// A later change is read, and changes nothing by itself.
	write(t, dir, "a", "# nothing")
	later := reloaded(t, b)
	if got, want := later.Regions(), []string{"asia", "own"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if regionOf(later, "10.1.0.1") != "own" || regionOf(later, "192.0.2.1") != "" {
		t.Error("what is no longer in the file is still known")
	}
	if got := look(b); !reflect.DeepEqual(got, want) {
		t.Errorf("ReloadPlaces changed the block: %v", got)
	}
}

// What is wrong at the start is wrong later, with the same words.
func TestWrongPlacesFiles(t *testing.T) {
	for text, want := range map[string]string{
		"\n\neu":                       "DIR/a:3: eu: says too little; add CIDR",
		"place eu 10.0.0.0/8":          "DIR/a:1: place eu: is no network",
		"geoip country":                "DIR/a:1: geoip country: is no network",
		"eu 10.0.0.1/8":                "DIR/a:1: eu 10.0.0.1/8: has bits set behind the prefix; write 10.0.0.0/8",
		"eu\x00 10.0.0.0/8":            `DIR/a:1: "eu\x00": is not allowed as a name here`,
		"eu ::1/128\n#\neu 10.0.0.0/8": "DIR/a:3: eu 10.0.0.0/8: is in the region own by DIR/Corefile:4; say only one region",
		"eu ::/0\neu 2001:db8::/32":    "DIR/sub/b:2: asia 2001:db8::/32: is in the region eu by DIR/a:2; say only one",
		"eu ::/0\n" + strings.Repeat(" ", placesFiles.length): "DIR/a:2: line: is longer than 4096 bytes; a region may have several lines",
		strings.Repeat("#comment\n", 64<<20/9+1) + "x":        "DIR/a:7456541: file: is larger than 67108864 bytes; split it",
		strings.ReplaceAll(manyRegions(300), "place ", ""):    "DIR/a:256: r255 10.0.0.255: is the 257th region; at most 256",
	} {
		dir := files(t, map[string]string{"Corefile": placed, "a": "", "sub/b": "own ::1\nasia 2001:db8::/32"})
		b, err := parseCorefile(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, "a", text)
		_, atStart := parseCorefile(t, dir)
		_, later := b.ReloadPlaces()
		for _, err := range []error{atStart, later} {
			if err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), dir, "DIR"), want) {
				t.Errorf("%.40q: got %v, want %s", text, err, want)
			}
		}
	}
}

// Empty files are a table in which no client has a region.
func TestEmptyPlacesFile(t *testing.T) {
	alone := strings.Replace(placed, "  place own 10.0.0.0/8\n", "  prefer region\n", 1)
	dir := files(t, map[string]string{"Corefile": alone, "a": "", "sub/b": "# none"})
	b, err := parseCorefile(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []*place.Table{b.Places, reloaded(t, b)} {
		if table == nil || len(table.Regions()) > 0 || regionOf(table, "10.0.0.1") != "" {
			t.Errorf("got %+v", table)
		}
	}
	write(t, dir, "a", "eu 10.0.0.0/8")
	if got := regionOf(reloaded(t, b), "10.0.0.1"); got != "eu" {
		t.Errorf("got %q", got)
	}
}

func TestReloadWithoutPlacesFiles(t *testing.T) {
	for lines, known := range map[string]bool{"": false, "place geoip country": false, "place eu ::/0": true} {
		b := blockOf(t, lines)
		table, err := b.ReloadPlaces()
		if err != nil || table != b.Places || (table != nil) != known {
			t.Errorf("%q: got %v, %v", lines, table, err)
		}
	}
}

// manyPlaces returns n lines of a places file, which name 200 regions.
func manyPlaces(n int) string {
	var w strings.Builder
	for i := range n {
		fmt.Fprintf(&w, "region-%d %d.%d.%d.0/24 # %s\n", i%200, 1+i>>16, i>>8&255, i&255, strings.Repeat("x", 20))
	}
	return w.String()
}

// Neither the file nor the name of the region in every line of it stays in memory. A table takes about 64 bytes for each network; with
// the 48 of its line it would be more than allowed here.
func TestPlacesKeepNoText(t *testing.T) {
	const n = 100_000
	text := manyPlaces(n)
	dir := files(t, map[string]string{"Corefile": placed, "a": text, "sub/b": ""})
	b, err := parseCorefile(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	used := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := used()
	table := reloaded(t, b)
	grown := used() - before
	runtime.KeepAlive(table)
	runtime.KeepAlive(text)
	if most := int64(n * 96); grown > most {
		t.Errorf("a table of %d networks takes %d bytes, want at most %d", n, grown, most)
	}
}
