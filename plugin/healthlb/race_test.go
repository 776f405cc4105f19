//go:build race

package healthlb

const raceEnabled = true
