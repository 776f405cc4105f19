package policy

// Load is how busy one member is, as far as it is known here.
type Load struct{}
