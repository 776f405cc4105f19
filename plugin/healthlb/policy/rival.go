package policy

// rival is what is known of a candidate where candidates are compared for one query.
type rival struct {
	weight float64 // above 0
	fade   float64
	load   Load
}

// rivals returns what is known of candidates.
func rivals(ms []Member, cs []Candidate) []rival {
	rs := make([]rival, len(cs))
	for i, c := range cs {
		rs[i] = rival{weight: float64(max(1, ms[c.Member].Weight)), fade: c.Fade}
		if c.Load != nil {
			rs[i].load = *c.Load
		}
	}
	return rs
}

// byFade returns how much a candidate counts with as much of its share as it has.
func (r *rival) byFade() float64 { return r.weight * r.fade }

// busier says whether a candidate is busier than another: where reports count, by what they report when both have done so lately, else by
// their leases.
func (r *rival) busier(than *rival, now int64, reports bool) bool {
	if reports {
		if mine, ok := r.load.Reported(now); ok {
			if other, ok := than.load.Reported(now); ok {
				return mine > other
			}
		}
	}
	return r.fuller(than, now)
}

// fuller says whether a candidate has more leases for its weight x fade than another.
func (r *rival) fuller(than *rival, now int64) bool {
	return float64(r.load.Leases(now))*than.byFade() > float64(than.load.Leases(now))*r.byFade()
}
