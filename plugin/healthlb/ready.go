package healthlb

// Ready implements ready.Readiness. It is true when the first round of probes is over, for all healthlb blocks of the Corefile: the
// ready plugin asks only the last of them.
func (h *handler) Ready() bool { return h.ready() }
