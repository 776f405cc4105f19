package config

// parseExec parses the options of check exec.
func parseExec(a *args, port uint16) (buildCheck, error) {
	return nil, a.fail(fault{"is not here yet", "use tcp or tls"})
}

// mayExec refuses exec checks where the block does not allow them.
func (r *blockReader) mayExec(checks []check) error {
	for _, c := range checks {
		if c.words[1] == "exec" && (!r.allowExec.ok() || r.dir == noFiles) {
			return c.at.fail(show(c.words), fault{"runs a command, which this block does not allow", "add allow_exec to the healthlb block, or use another kind of check"})
		}
	}
	return nil
}
