// Command check says whether the healthlb blocks of a Corefile are right. It starts nothing, opens no socket and writes no file.
//
//	check FILE
//
// It exits with 0 when they are, 1 when they are not or there are none, 2 when it is called wrongly.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"

	"example.org/healthlb/plugin/healthlb/admin"
	"example.org/healthlb/plugin/healthlb/config"
	"example.org/healthlb/plugin/healthlb/pool"
)

func main() {
	register()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, out, errOut io.Writer) int {
	if len(args) != 1 || args[0] == "" {
		fmt.Fprintln(errOut, "usage: check FILE")
		return 2
	}
	return check(args[0], out, errOut)
}

// found is what the healthlb blocks of the Corefile at hand hold. Caddy finds the function that reads a directive in a table of the
// process, so this cannot be passed to it.
var found struct {
	blocks []*config.Block
	errs   []error
}

// register gives CoreDNS's directives to caddy: healthlb reads its block, all others are let pass unread. So caddy and CoreDNS read
// the Corefile their own way, imports, snippets, environment and zones included. All directives that CoreDNS knows are right here,
// those included that a binary may be built without.
func register() {
	for _, directive := range dnsserver.Directives {
		caddy.RegisterPlugin(directive, caddy.Plugin{ServerType: "dns", Action: func(*caddy.Controller) error { return nil }})
	}
	caddy.RegisterPlugin("healthlb", caddy.Plugin{ServerType: "dns", Action: read})
	after := slices.Index(dnsserver.Directives, "transfer") + 1 // where build/main.go has it: express goes with what is below
	if err := dnsserver.SetDirectives(slices.Insert(slices.Clone(dnsserver.Directives), after, "healthlb")); err != nil {
		panic(err) // CoreDNS has a healthlb of its own
	}
}

// read reads one healthlb block. Its error does not end the reading, so that the errors of all blocks are told at once.
func read(c *caddy.Controller) error {
	block, err := config.Parse(c)
	if err != nil {
		found.errs = append(found.errs, err)
		return nil
	}
	found.blocks = append(found.blocks, block)
	return nil
}

// check reads a Corefile and tells what it found. It returns the exit code.
func check(path string, out, errOut io.Writer) int {
	found.blocks, found.errs = nil, nil
	contents, err := os.ReadFile(path)
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err // report says the path
	}
	if err != nil {
		return report(errOut, path, err)
	}
	input := caddy.CaddyfileInput{Filepath: path, Contents: contents, ServerTypeName: "dns"}
	if err := caddy.ValidateAndExecuteDirectives(input, nil, true); err != nil {
		return report(errOut, path, err)
	}
	if len(found.errs) == 0 {
		process, err := config.Combine(found.blocks)
		if err == nil {
			err = checkNeighbours(input)
		}
		if err == nil {
			err = checkFiles(process)
		}
		if err != nil {
			found.errs = append(found.errs, err)
		}
	}
	if len(found.errs) > 0 {
		return report(errOut, path, found.errs...)
	}
	if len(found.blocks) == 0 {
		return report(errOut, path, errors.New("no healthlb block"))
	}
	for _, block := range found.blocks {
		summarise(out, block)
	}
	return 0
}

// checkNeighbours looks at the plugins beside the healthlb blocks.
func checkNeighbours(input caddy.Input) error {
	order := caddy.ValidDirectives(input.ServerType())
	corefile, err := caddyfile.Parse(input.Path(), bytes.NewReader(input.Body()), order)
	if err != nil {
		return err
	}
	return config.CheckNeighbours(found.blocks, corefile, order, dnsserver.Port)
}

// checkFiles reads the files that CoreDNS reads when it starts: those of the admin endpoint.
func checkFiles(p config.Process) error {
	if p.Admin == nil {
		return nil
	}
	_, err := admin.Load(admin.Settings{
		TokenFile: p.Admin.TokenFile, CertFile: p.Admin.CertFile, KeyFile: p.Admin.KeyFile, ClientCA: p.Admin.ClientCA,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", p.AdminAt, err)
	}
	return nil
}

// caddyError is the form of caddy's errors.
var caddyError = regexp.MustCompile(`(?s)^(.+?):(\d+) - (?:Error during parsing|Syntax error): (.*)$`)

// position is how an error begins that names its place as it should.
var position = regexp.MustCompile(`^.+?:\d+: `)

// report writes errors as FILE:LINE: MESSAGE, which editors know to follow, and returns the exit code for them. An error that knows
// no line names the Corefile only.
func report(w io.Writer, path string, errs ...error) int {
	for _, err := range errs {
		text := err.Error()
		if parts := caddyError.FindStringSubmatch(text); parts != nil {
			text = parts[1] + ":" + parts[2] + ": " + parts[3]
		} else if !position.MatchString(text) {
			text = path + ": " + text
		}
		fmt.Fprintln(w, text)
	}
	return 1
}

// summarise tells what one block holds.
func summarise(w io.Writer, block *config.Block) {
	fmt.Fprintf(w, "%s: ok\n", block.Where)
	for _, zone := range block.Zones {
		fmt.Fprintf(w, "  zone %s\n", zone)
	}
	for _, p := range block.Pools {
		fmt.Fprintf(w, "  pool %s: %d members, %s\n", p.Name, len(p.Members), p.Policy.Name)
		for _, member := range p.Members {
			fmt.Fprintf(w, "    member %s\n", strings.Join(words(member), " "))
		}
	}
	for _, warning := range block.Warnings {
		fmt.Fprintf(w, "  warning: %s\n", warning)
	}
}

// words names a member: its id, and its addresses where the id does not say them.
func words(member pool.Member) []string {
	list := []string{member.ID}
	for _, addr := range []netip.Addr{member.V4, member.V6} {
		if addr.IsValid() && addr.String() != member.ID {
			list = append(list, addr.String())
		}
	}
	return list
}
