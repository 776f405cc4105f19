package pool

import (
	"example.org/healthlb/plugin/healthlb/answer"
	"example.org/healthlb/plugin/healthlb/place"
)

// regional holds the choices of the regions that have one of their own.
type regional struct {
	byName   map[string]*choice
	table    *place.Table // nil: regions are told with the query
	byNumber []*choice    // by the regions' numbers in the table
	own      place.Set    // those that have a choice
}

// newRegional returns the choices by region, nil when there are none.
func newRegional(byName map[string]*choice, table *place.Table) *regional {
	if len(byName) == 0 {
		return nil
	}
	r := &regional{byName: byName, table: table}
	if table == nil {
		return r
	}
	r.byNumber = make([]*choice, len(table.Regions()))
	found := false
	for i, name := range table.Regions() {
		if c := byName[name]; c != nil {
			r.byNumber[i], found = c, true
			r.own.Add(i)
		}
	}
	if !found {
		return nil
	}
	return r
}

// of returns the choice for a client, nil when it is that of everyone, and the length of the shortest prefix of its address of which
// every address gets the same one. told is the region that the query was told with.
func (r *regional) of(client answer.Client, told string) (c *choice, bits int) {
	if r.table == nil {
		return r.byName[told], client.SourceBits()
	}
	number, bits := r.table.Find(client.Addr(), &r.own)
	if number < 0 {
		return nil, bits
	}
	return r.byNumber[number], bits
}
