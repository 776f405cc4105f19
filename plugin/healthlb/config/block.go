package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
)

// Parse reads the healthlb block of one server block. Errors name file and line.
func Parse(c *caddy.Controller) (*Block, error) {
	dir, err := directory(c.File()) // before the first token this is the Corefile itself, and not a file that it imports
	if err != nil {
		return nil, err
	}
	zs := plugin.OriginsFromArgsOrServerBlock(nil, c.ServerBlockKeys)
	slices.Sort(zs)
	lines, err := readTree(c)
	if err != nil {
		return nil, err
	}
	b, err := readBlock(lines, slices.Compact(zs), dir)
	if err == nil {
		b.serverBlock = c.ServerBlockIndex
	}
	return b, err
}

// directory returns what file names in a Corefile are relative to: its own directory, and the working directory when it is read
// from stdin, or built in.
func directory(corefile string) (string, error) {
	if corefile == "" || corefile == os.Stdin.Name() {
		return os.Getwd()
	}
	return filepath.Abs(filepath.Dir(corefile))
}

// blockReader is what the lines of a block say.
type blockReader struct {
	settings
	processText
	ns     said[[]nameServer]
	soa    said[SOA]
	passOn said[[]string] // fallthrough
	places placesText

	allowExec said[bool]
	express   said[int]

	dir       string
	zones     zones
	poolLines []line
	pools     map[string]pos
	checks    checkCache
}

var blockDirectives = func() table[blockReader] {
	tb := lift(settingDirectives, func(r *blockReader) *settings { return &r.settings })
	tb["region"] = field(one("REGION", parseID), func(r *blockReader) *said[string] { return &r.region })
	tb["state"] = field(parseState, func(r *blockReader) *said[string] { return &r.state })
	tb["admin"] = field(parseAdmin, func(r *blockReader) *said[*Admin] { return &r.admin })
	tb["on_change"] = field(parseOnChange, func(r *blockReader) *said[*OnChange] { return &r.onChange })
	tb["isolation"] = field(parseIsolation, func(r *blockReader) *said[*Isolation] { return &r.isolation })
	tb["allow_exec"] = field(func(*args) (bool, error) { return true, nil }, func(r *blockReader) *said[bool] { return &r.allowExec })
	tb["express"] = field(parseExpress, func(r *blockReader) *said[int] { return &r.express })
	tb["ns"] = field(parseNS, func(r *blockReader) *said[[]nameServer] { return &r.ns })
	tb["soa"] = field(parseSOA, func(r *blockReader) *said[SOA] { return &r.soa })
	tb["fallthrough"] = field(parseFallthrough, func(r *blockReader) *said[[]string] { return &r.passOn })
	tb["place"] = directive[blockReader]{many: true, parse: func(a *args, r *blockReader) error { return parsePlace(a, &r.places) }}
	tb["places"] = directive[blockReader]{many: true, parse: func(a *args, r *blockReader) error {
		return placesFiles.parse(a, &r.places.files)
	}}
	tb["pool"] = directive[blockReader]{many: true, block: true, parse: func(a *args, r *blockReader) error {
		r.poolLines = append(r.poolLines, a.line) // read last, when all defaults are known
		a.next = len(a.words)
		return nil
	}}
	return tb
}()

// parseState parses DIR, which need not be there yet.
func parseState(a *args) (string, error) {
	dir, err := a.file("DIR")
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return "", a.fail(fault{"is no directory", "write the name of a directory, which is made if need be"})
	}
	return dir, nil
}

// readBlock turns the lines of a server block's healthlb into a Block.
func readBlock(lines []line, zs zones, dir string) (*Block, error) {
	l, err := onlyBlock(lines)
	if err != nil {
		return nil, err
	}
	r := &blockReader{dir: dir, zones: zs, pools: map[string]pos{}, checks: checkCache{}}
	if err := blockDirectives.lines(l.block, dir, "in a healthlb block", r); err != nil {
		return nil, err
	}
	if len(r.poolLines) == 0 && !r.dynamic.ok() {
		return nil, l.at.fail(l.words[0], fault{"has no pool", needsPool})
	}
	b := &Block{
		Where:            l.at.String(),
		Zones:            zs,
		SOA:              r.soa.or(defaultSOA),
		Fallthrough:      r.passOn.ok(),
		FallthroughZones: r.passOn.v,
		Pools:            make([]Pool, 0, len(r.poolLines)),
		process:          r.processText,
		Dynamic:          r.dynamic.ok(),
		Express:          r.express.v,
		expressAt:        r.express.at,
	}
	b.Process = b.process.values()
	if err := b.setPlaces(&r.places); err != nil {
		return nil, err
	}
	if err := r.mayExec(r.settings.checks); err != nil {
		return nil, err
	}
	for _, l := range r.poolLines {
		p, err := r.readPool(l)
		if err != nil {
			return nil, err
		}
		b.Pools = append(b.Pools, p)
	}
	if err := r.checkFallthrough(); err != nil {
		return nil, err
	}
	if b.NS, b.Warnings, err = r.nameServers(); err != nil {
		return nil, err
	}
	if b.Dynamic {
		r.poolLines = nil
		b.reader = r
	}
	return b, nil
}

const needsPool = "add at least one: pool NAME { member ADDR }, on lines of its own"

// onlyBlock returns the one healthlb line of a server block. caddy gives the tokens of all of them in one go.
func onlyBlock(lines []line) (line, error) {
	if len(lines) == 0 {
		return line{}, errors.New("there is no healthlb to read")
	}
	l := lines[0]
	if len(l.words) > 1 {
		return l, l.pos(1).fail(show(l.words[:2]), fault{"healthlb takes no arguments", "its zones are those of the server block"})
	}
	if !l.hasBlock {
		return l, l.at.fail(l.words[0], fault{"has no block", needsPool})
	}
	if len(lines) > 1 {
		second := fault{"is the second in this server block, after " + l.at.String(), "put all into one block"}
		return l, lines[1].at.fail(show(lines[1].words[:1]), second)
	}
	return l, nil
}
