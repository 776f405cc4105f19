package probe

// mostInFlight caps the probes in flight where descriptors are plenty. Each costs some 20 KiB with TLS, in the kernel and here, and
// 16384 that all hang for the longest default timeout (2s) still make more than 8000 probes a second.
const mostInFlight = 16384

// inFlightLimit is how many probes may run at once, each with one descriptor, in a process that may have files of them: three quarters.
// The rest, at least 64, is for DNS, the admin endpoint and files.
func inFlightLimit(files int64) int {
	return int(min(max(files-max(64, files/4), 1), mostInFlight))
}
