package config

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"example.org/healthlb/plugin/healthlb/place"
)

// placesFiles are what places lines name: lines REGION CIDR... A file may hold some millions of networks.
var placesFiles = &dataKind{
	word:    "places",
	size:    64 << 20,
	length:  4 << 10,
	holds:   "a region and its networks on each line",
	shorten: "a region may have several lines",
	divide:  "split it: there may be several places lines",
}

// gazetteer collects which networks are in which region, and sees to it that they go together. It may see millions of networks.
type gazetteer struct {
	regions map[string]string // one copy of each region's name, so that the text of the files need not be kept
	entries []place.Entry
	spots   []spot   // of each entry
	files   []string // that spots are in
	own     int      // how many entries are the Corefile's own; they come first
}

// spot is a place in a file.
type spot struct{ file, line int32 } // the index of the file

func newGazetteer() *gazetteer { return &gazetteer{regions: map[string]string{}} }

// read takes in one line of a places file.
func (g *gazetteer) read(a *args) error {
	l, err := takePlace(a)
	if err != nil {
		return err
	}
	return g.add(&l)
}

// add takes in one more line. That none contradicts another is for table to say.
func (g *gazetteer) add(l *placeLine) error {
	region, known := g.regions[l.region]
	if !known {
		if len(g.regions) == place.MaxRegions {
			return l.at.fail(show(l.words), fault{
				fmt.Sprintf("is the %dth region", place.MaxRegions+1),
				fmt.Sprintf("at most %d are possible: put some together", place.MaxRegions),
			})
		}
		region = strings.Clone(l.region)
		g.regions[region] = region
	}
	if n := len(g.files); n == 0 || g.files[n-1] != l.at.file {
		g.files = append(g.files, l.at.file)
	}
	at := spot{int32(len(g.files) - 1), int32(min(l.at.line, math.MaxInt32))}
	for _, p := range l.prefixes {
		g.entries = append(g.entries, place.Entry{Prefix: p, Region: region})
		g.spots = append(g.spots, at)
	}
	return nil
}

// table makes the table of all that was added.
func (g *gazetteer) table() (*place.Table, error) {
	t, err := place.New(g.entries)
	if err == nil {
		return t, nil
	}
	if first, second := g.contradiction(); first != second {
		err = g.fail(first, second)
	}
	return nil, err
}

// contradiction returns the first entry that says another region of its network than an entry before it, and the first of the network;
// the same twice when there is none.
func (g *gazetteer) contradiction() (first, second int32) {
	order := make([]int32, len(g.entries))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int {
		return cmp.Or(g.entries[i].Prefix.Compare(g.entries[j].Prefix), cmp.Compare(i, j))
	})
	head := int32(0) // the first of its network
	for _, i := range order {
		switch {
		case g.entries[i].Prefix != g.entries[head].Prefix:
			head = i
		case g.entries[i].Region != g.entries[head].Region && (first == second || i < second):
			first, second = head, i
		}
	}
	return first, second
}

func (g *gazetteer) fail(first, second int32) error {
	e := g.entries[second]
	read := e.Region + " " + showPrefix(e.Prefix)
	if int(second) < g.own {
		read = "place " + read
	}
	return g.pos(second).fail(read, fault{
		"is in the region " + g.entries[first].Region + " by " + g.pos(first).String(),
		"say only one region of the same network",
	})
}

func (g *gazetteer) pos(i int32) pos {
	s := g.spots[i]
	return pos{g.files[s.file], int(s.line)}
}

// showPrefix writes a network as one would write it: a network of one address as the address.
func showPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
