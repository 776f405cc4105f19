package pool

// healthy leaves out what fails its checks, or was not probed yet.
func healthy(cs []candidate) []candidate {
	return keep(cs, func(c candidate) bool { return c.address.state.Serving() })
}
