package pool

// withoutStandbys leaves out the members of weight 0, unless no one else is there. What members ask for makes none of them one; see weigh.
func withoutStandbys(cs []candidate) []candidate {
	regulars := keep(cs, func(c candidate) bool { return c.member.weight > 0 })
	if len(regulars) == 0 {
		return cs
	}
	return regulars
}
