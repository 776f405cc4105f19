package main

import (
	"slices"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
)

// leftOut are the directives of CoreDNS that this binary does not know; plugins.go says why.
var leftOut = []string{"route53", "azure", "clouddns", "kubernetes", "k8s_external", "nomad", "trace"}

func TestHealthlbDirectlyFollowsTransfer(t *testing.T) {
	before := slices.Clone(dnsserver.Directives)
	order, err := insertAfter(dnsserver.Directives, anchor, "healthlb")
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.Index(order, "healthlb"); i < 1 || order[i-1] != "transfer" {
		t.Errorf("healthlb is not directly behind transfer: %v", order)
	}
	if rest := slices.DeleteFunc(slices.Clone(order), func(d string) bool { return d == "healthlb" }); !slices.Equal(rest, before) {
		t.Errorf("the other directives are no longer CoreDNS's: %v", rest)
	}
	if !slices.Equal(dnsserver.Directives, before) {
		t.Error("CoreDNS's own list was changed in place")
	}
}

func TestMissingAnchorIsAnError(t *testing.T) {
	if order, err := insertAfter([]string{"root", "file"}, anchor, "healthlb"); err == nil {
		t.Errorf("no error, and the order %v", order)
	}
}

// TestPluginSet tells when CoreDNS gains or loses a plugin that plugins.go should follow.
func TestPluginSet(t *testing.T) {
	for _, directive := range append(slices.Clone(dnsserver.Directives), "healthlb") {
		_, err := caddy.DirectiveAction("dns", directive)
		if missing := err != nil; missing != slices.Contains(leftOut, directive) {
			t.Errorf("directive %s: missing from the binary is %v", directive, missing)
		}
	}
}
