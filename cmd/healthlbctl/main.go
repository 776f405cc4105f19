// Command healthlbctl is the operator's command: it talks to the admin endpoint of healthlb.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

// Set by the linker: -X main.version=1.2.3 -X main.commit=0123abc.
var version, commit string

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	a := newApp()
	a.signals = signals
	os.Exit(a.run(os.Args[1:]))
}
