package pool

// ofRegions returns the members of each region of which at least enough are there: a client of that region is answered with them alone.
func ofRegions(cs []candidate, enough int) map[string][]candidate {
	regions := make(map[string][]candidate)
	for _, c := range cs {
		if c.member.Region != "" {
			regions[c.member.Region] = append(regions[c.member.Region], c)
		}
	}
	for region, members := range regions {
		if len(members) < enough {
			delete(regions, region)
		}
	}
	return regions
}
