package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manyPools returns a Corefile with n pools of 4 members each, which share checks.
func manyPools(n int) string {
	var w strings.Builder
	w.WriteString("healthlb {\n check tls 443\n check tcp 8443 expect ok\n")
	for i := range n {
		fmt.Fprintf(&w, " pool p%d.lb.example.org {\n", i)
		for j := range 4 {
			fmt.Fprintf(&w, "  member 10.%d.%d.%d id m%d\n", j, i>>8&255, i&255, j)
		}
		w.WriteString(" }\n")
	}
	w.WriteString("}\n")
	return w.String()
}

func BenchmarkParse100000Pools(b *testing.B) {
	input := manyPools(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseIn(input); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReloadMembers10000(b *testing.B) {
	file := filepath.Join(b.TempDir(), "members")
	var w strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&w, "10.0.%d.%d 2001:db8::%x id m%d region eu-west port 8443\n", i>>8, i&255, i+1, i)
	}
	if err := os.WriteFile(file, []byte(w.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	block, err := parseIn("healthlb {\n pool www.lb.example.org {\n members " + file + "\n }\n}\n")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := block.Pools[0].ReloadMembers(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReloadPlaces1000000(b *testing.B) {
	file := filepath.Join(b.TempDir(), "places")
	if err := os.WriteFile(file, []byte(manyPlaces(1_000_000)), 0o600); err != nil {
		b.Fatal(err)
	}
	block, err := parseIn(inBlock("places " + file))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := block.ReloadPlaces(); err != nil {
			b.Fatal(err)
		}
	}
}
