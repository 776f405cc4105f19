package config

import (
	"net/netip"
	"slices"

	"example.org/healthlb/plugin/healthlb/place"
)

// placesText is what a block says of where clients are.
type placesText struct {
	lines []placeLine
	files []dataFile
	geoIP said[string] // continent or country
}

// placeLine is a place line with a region, or a line of a places file.
type placeLine struct {
	line
	region   string
	prefixes []netip.Prefix
}

// geoIP is the word that stands where a region could, and means that the plugin geoip knows where clients are.
const geoIP = "geoip"

// geoIPKinds are what the plugin geoip can tell regions by.
var geoIPKinds = []string{"continent", "country"}

// parsePlace parses REGION CIDR..., or geoip continent|country.
func parsePlace(a *args, t *placesText) error {
	if !a.more() || a.words[a.next] != geoIP {
		l, err := takePlace(a)
		t.lines = append(t.lines, l)
		return err
	}
	a.next++
	if t.geoIP.ok() {
		return a.fail(again(t.geoIP.at))
	}
	kind, err := take(a, "continent or country", func(s string) (string, error) {
		if !slices.Contains(geoIPKinds, s) {
			return "", unknown(s, "as what "+geoIP+" tells regions by", geoIPKinds)
		}
		return s, nil
	})
	t.geoIP = said[string]{kind, a.at}
	return err
}

// takePlace takes the rest of the line: REGION CIDR...
func takePlace(a *args) (placeLine, error) {
	region, err := take(a, "REGION", parseID)
	if err != nil {
		return placeLine{}, err
	}
	prefixes, err := takePrefixes(a)
	return placeLine{a.line, region, prefixes}, err
}

// any says whether the block knows where clients are.
func (t *placesText) any() bool { return len(t.lines) > 0 || len(t.files) > 0 || t.geoIP.ok() }

// setPlaces sets what the block knows of where clients are.
func (b *Block) setPlaces(t *placesText) (err error) {
	if t.geoIP.ok() {
		b.GeoIP, b.geoIPAt = t.geoIP.v, t.geoIP.at
		return t.onlyGeoIP()
	}
	if !t.any() {
		return nil
	}
	b.PlacesFiles = names(t.files)
	if b.Places, err = t.gather(); err != nil || len(t.files) == 0 {
		return err
	}
	b.places = *t
	for i := range b.places.lines {
		b.places.lines[i].words = nil // right as they are; they would keep the words of the whole Corefile
	}
	return nil
}

// onlyGeoIP returns an error when not only the plugin geoip is said to know where clients are.
func (t *placesText) onlyGeoIP() error {
	var other pos
	switch {
	case len(t.lines) > 0:
		other = t.lines[0].at
	case len(t.files) > 0:
		other = t.files[0].at
	default:
		return nil
	}
	return t.geoIP.at.fail("place "+geoIP+" "+t.geoIP.v, fault{
		"says where clients are, and so does " + other.String(),
		"use one or the other: place geoip, or networks with place REGION CIDR... and places FILE",
	})
}

// ReloadPlaces reads the block's places files again and returns the whole new table: the Corefile's own place lines, then those of each
// file. All of it is checked as it is at the start; on an error, which names file and line, the old table is the one to keep. The block
// itself does not change, and without places files the table is Places.
func (b *Block) ReloadPlaces() (*place.Table, error) {
	if len(b.places.files) == 0 {
		return b.Places, nil
	}
	return b.places.gather()
}

// gather makes the table of the lines and of all that is in the files.
func (t *placesText) gather() (*place.Table, error) {
	g := newGazetteer()
	for i := range t.lines {
		if err := g.add(&t.lines[i]); err != nil {
			return nil, err
		}
	}
	g.own = len(g.entries)
	for _, f := range t.files {
		if err := f.read(g.read); err != nil {
			return nil, err
		}
	}
	return g.table()
}
