package config

import "slices"

// processText is what a block says of the whole process.
type processText struct {
	region said[string]
	state  said[string]
	admin  said[*Admin]

	onChange  said[*OnChange]
	isolation said[*Isolation]
}

func (t *processText) values() Process {
	p := Process{Region: t.region.v, State: t.state.v, Admin: t.admin.v, OnChange: t.onChange.v, Isolation: t.isolation.v}
	if t.state.ok() {
		p.StateAt = t.state.at.String()
	}
	if t.admin.ok() {
		p.AdminAt = t.admin.at.String()
	}
	if t.onChange.ok() {
		p.OnChangeAt = t.onChange.at.String()
	}
	return p
}

// Combine puts together what all healthlb blocks of a Corefile say of the process, and sets the region of all their pools. It is
// an error when two blocks disagree, and when two pools have one name.
func Combine(blocks []*Block) (Process, error) {
	var all processText
	pools := map[string]pos{}
	for _, b := range blocks {
		t := &b.process
		if err := agree("region", &all.region, t.region, func(a, b string) bool { return a == b }); err != nil {
			return Process{}, err
		}
		if err := agree("state", &all.state, t.state, func(a, b string) bool { return a == b }); err != nil {
			return Process{}, err
		}
		if err := agree("admin", &all.admin, t.admin, (*Admin).equal); err != nil {
			return Process{}, err
		}
		if err := agree("on_change", &all.onChange, t.onChange, func(a, b *OnChange) bool { return *a == *b }); err != nil {
			return Process{}, err
		}
		if err := agree("isolation", &all.isolation, t.isolation, (*Isolation).equal); err != nil {
			return Process{}, err
		}
		for i := range b.Pools {
			p := &b.Pools[i]
			if at, known := pools[p.Name]; known {
				return Process{}, p.at.fail("pool "+p.Name, sameName(at))
			}
			pools[p.Name] = p.at
		}
	}
	for _, b := range blocks {
		for i := range b.Pools {
			b.Pools[i].Region = all.region.v
		}
	}
	return all.values(), nil
}

// agree puts what one block says with what the blocks before it said.
func agree[T any](word string, all *said[T], one said[T], equal func(a, b T) bool) error {
	if !all.ok() {
		*all = one
		return nil
	}
	if one.ok() && !equal(all.v, one.v) {
		return one.at.fail(word, fault{
			"differs from what is said at " + all.at.String(),
			"it is one for the whole process: say it once, or the same everywhere",
		})
	}
	return nil
}

func (ad *Admin) equal(other *Admin) bool {
	return ad.Network == other.Network && ad.Address == other.Address && ad.TokenFile == other.TokenFile &&
		ad.CertFile == other.CertFile && ad.KeyFile == other.KeyFile && ad.ClientCA == other.ClientCA &&
		slices.Equal(ad.Hosts, other.Hosts)
}
