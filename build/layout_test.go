package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	project = "example.org/healthlb/"
	plugin  = project + "plugin/healthlb/"
)

// arrows are the rules for imports: they go one way, so that each package can be read and tested without those above it.
var arrows = []struct {
	from    string   // a package of plugin/healthlb, with what is below it
	only    []string // if not nil, the packages of the project that it may import
	never   []string // packages that it must not import
	but     string   // one below those that it may
	because string
}{
	{from: "health", only: []string{}, because: "a leaf imports nothing of the project"},
	{from: "place", only: []string{}, because: "a leaf imports nothing of the project"},
	{from: "policy", only: []string{}, because: "a leaf imports nothing of the project"},
	{from: "answer", only: []string{}, because: "a leaf imports nothing of the project"},
	{from: "isolation", only: []string{}, because: "a leaf imports nothing of the project"},
	{from: "state", only: []string{}, because: "a leaf imports nothing of the project"},
	{from: "block", only: []string{}, because: "a leaf imports nothing of the project"},
	{from: "stamp", only: []string{}, because: "a leaf imports nothing of the project"},
	{from: "event", only: []string{project + "api"}, because: "a history knows events, and nothing of what happens"},
	{from: "webhook", only: []string{project + "api", "event", "stamp"}, because: "it hands events on, whatever they are"},
	{from: "rollout", only: []string{}, because: "a leaf imports nothing of the project"},
	{from: "admin", never: []string{"pool", "config", "probe", "state"}, because: "what a call means is the backend's affair"},
	{from: "probe", only: []string{"health", "stamp"}, because: "a probe knows outcomes and files, and neither pools nor configuration"},
	{from: "express", only: []string{"answer"}, because: "it moves datagrams, and is told what they answer"},
	{from: "pool", never: []string{"probe", "state", "admin", "config"}, because: "a pool is told what happens and does no I/O"},
	{from: "../../api", only: []string{}, because: "a leaf imports nothing of the project"},
	{from: "../../client", only: []string{project + "api"}, because: "a server that registers itself carries no name server along"},
	{from: "../../cmd", only: []string{project + "api", project + "client", project + "cmd"}, because: "the command only talks to the endpoint"},
	{from: "", never: []string{"github.com/coredns/coredns/coremain", "github.com/coredns/coredns/plugin/metrics", "testing"},
		but:     "github.com/coredns/coredns/plugin/metrics/vars", // the counters alone, which CoreDNS's server has, too
		because: "a plugin must not bring CoreDNS's main program along (plugin/metrics does), nor the testing package"},
}

func TestImportsGoOneWay(t *testing.T) {
	const root = "../plugin/healthlb"
	for _, arrow := range arrows {
		err := filepath.WalkDir(filepath.Join(root, arrow.from), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, spec := range file.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				if imported != arrow.but && matches(imported, arrow.never) || arrow.only != nil && strings.HasPrefix(imported, project) &&
					!matches(imported, append(arrow.only, arrow.from)) {
					t.Errorf("%s imports %s: %s", path, imported, arrow.because)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// matches says whether a package is one of the list, or below one of it. Packages of plugin/healthlb stand there without the path in
// front.
func matches(imported string, list []string) bool {
	short := strings.TrimPrefix(imported, plugin)
	for _, entry := range list {
		if short == entry || strings.HasPrefix(short, entry+"/") {
			return true
		}
	}
	return false
}
