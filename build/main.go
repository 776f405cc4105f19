// Command coredns is CoreDNS with the healthlb plugin.
package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
)

// anchor is the directive that healthlb directly follows in the order of the plugins: below everything that observes, rewrites
// or signs answers, and above every other back end.
const anchor = "transfer"

func main() {
	order, err := insertAfter(dnsserver.Directives, anchor, "healthlb")
	if err == nil {
		err = dnsserver.SetDirectives(order)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	coremain.Run()
}

// insertAfter returns a copy of order with name directly behind after, or an error when after is not in order.
func insertAfter(order []string, after, name string) ([]string, error) {
	i := slices.Index(order, after)
	if i < 0 {
		return nil, fmt.Errorf("healthlb: CoreDNS has no directive %q to be placed behind", after)
	}
	return slices.Insert(slices.Clone(order), i+1, name), nil
}
