//go:build !race

package healthlb

const raceEnabled = false
