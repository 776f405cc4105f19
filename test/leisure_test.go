package test

import (
	"sync"
	"testing"
)

// onDisks are tests that need disks of their own, which not every system gives them.
var onDisks = map[string]func(*testing.T){}

// What mostly waits, for caches, leases and those who try again later, goes on all at once: it takes no longer than the one that waits
// longest, for the 30 seconds that the client of a rollout may be silent. go test's own parallel tests would be as many as there are cores.
func TestAtLeisure(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T){
		"drain survives kill": drainSurvivesKill, "lease after restart": leaseAfterRestart,
		"renewals write nothing": renewalsWriteNothing, "lapse leaves drain of another": lapseLeavesDrainOfAnother,
		"slow reader is cut off": slowReaderIsCutOff,
		"webhook retries":        webhookRetries, "webhook hangs": webhookHangs,
		"rollout course": rolloutCourse, "rollout steering": rolloutSteering, "rollout kill": rolloutKill, "rollout losses": rolloutLosses,
		"rollout abandoned": rolloutAbandoned,
	}
	for name, test := range onDisks {
		tests[name] = test
	}
	var running sync.WaitGroup
	for name, test := range tests {
		running.Go(func() { t.Run(name, test) })
	}
	running.Wait()
}
