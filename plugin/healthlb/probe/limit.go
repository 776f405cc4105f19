package probe

// mostInFlight caps the probes in flight where descriptors are plenty. Each costs some 20 KiB with TLS, in the kernel and here, and
// 16384 that all hang for the longest default timeout (2s) still make more than 8000 probes a second.
const mostInFlight = 16384

// limits are how many sockets the scheduler may have open.
type limits struct {
	sockets  int // in all
	inFlight int // of probes
	wires    int // of tripwires
}

// limitsOf returns the limits in a process that may have so many files: three quarters of them are for sockets. The rest, at least 64, is
// for DNS, the admin endpoint and files. Probes may have all, as long as they do not need more than they are ever allowed; but tripwires
// leave them half.
func limitsOf(files int64) limits {
	sockets := max(files-max(64, files/4), 1)
	return limits{
		sockets:  int(min(sockets, 1<<30)),
		inFlight: int(min(sockets, mostInFlight)),
		wires:    int(min(max(sockets/2, sockets-mostInFlight), 1<<30)),
	}
}

// Spare is how many probes may be made at once apart from the schedule. Their sockets are among those left for DNS, the admin endpoint and
// files, of which they take a quarter.
func Spare() int { return int(min(max(descriptors()/16, 4), 64)) }
