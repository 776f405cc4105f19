package config

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/coredns/caddy/caddyfile"

	"example.org/healthlb/plugin/healthlb/pool"
)

// RuntimePool reads the lines of a pool that is made at run time, with the block's lines as defaults. It is for blocks that are Dynamic. The
// pool has no members. Errors name the line as lines:N, the first being 1. It must not be called twice at a time.
func (b *Block) RuntimePool(name string, lines []string) (Pool, error) {
	d := caddyfile.NewDispenser("lines", strings.NewReader(strings.Join(lines, "\n")))
	block, err := readTree(&d)
	if err != nil {
		return Pool{}, err
	}
	for _, l := range block {
		if l.words[0] == "member" || l.words[0] == "members" {
			return Pool{}, l.at.fail(show(l.words), fault{"names members in a pool made at run time", "add them by calls of their own"})
		}
	}
	for _, ns := range b.NS {
		if ns.Name == name && len(ns.Addrs) > 0 {
			return Pool{}, errors.New("pool " + name + ": is a name server with addresses in an ns line; choose another name")
		}
	}
	r := *b.reader
	r.dir = noFiles
	if _, known := r.pools[name]; !known {
		defer delete(r.pools, name)
	}
	p, err := r.readPool(line{words: []string{"pool", name}, at: pos{"lines", 0}, block: block, hasBlock: true})
	if e, ok := errors.AsType[*Error](err); ok && e.Line == 0 {
		err = e.placeless()
	}
	return p, err
}

// noFiles is the directory of lines that come from outside, and must not have files read. It is no name of a directory.
const noFiles = "\x00"

// MemberText is a member that is added at run time, as its operator says it.
type MemberText struct {
	ID             string // empty: the first address
	Addresses      []string
	ProbeAddresses []string
	Region         string // empty: none
	Weight         *int   // nil: not said
	Priority, Port int    // 0: not said
}

// Member checks a member that is to be added to the pool at run time, by the rules of a member line. That it goes together with the
// other members is left to the caller.
func (p *Pool) Member(t MemberText) (pool.Member, error) {
	words := []string{"member"}
	for _, addr := range append(t.Addresses[:len(t.Addresses):len(t.Addresses)], t.ProbeAddresses...) {
		if _, err := netip.ParseAddr(addr); err != nil { // it could be taken for an option
			return pool.Member{}, errors.New(showWord(addr) + ": is no IP address; write one such as 192.0.2.10 or 2001:db8::10")
		}
	}
	words = append(words, t.Addresses...)
	for _, addr := range t.ProbeAddresses {
		words = append(words, "probe_address", addr)
	}
	for word, value := range map[string]string{"id": t.ID, "region": t.Region} {
		if value != "" {
			words = append(words, word, value)
		}
	}
	for word, n := range map[string]int{"priority": t.Priority, "port": t.Port} {
		if n != 0 {
			words = append(words, word, strconv.Itoa(n))
		}
	}
	if t.Weight != nil {
		words = append(words, "weight", strconv.Itoa(*t.Weight))
	}
	a := &args{line: line{words: words}, dir: noFiles, next: 1}
	m, err := parseMember(a)
	if err == nil {
		err = newRoster(len(p.Checks)).add(&m)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		err = e.placeless()
	}
	return m.Member, err
}

// placeless is the error of something that stands in no file.
func (e *Error) placeless() error { return errors.New(e.Read + ": " + fault{e.Why, e.Right}.Error()) }

// Own is how many of Spec.Members the Corefile itself has; those behind them are of members files.
func (p *Pool) Own() int {
	if len(p.files) == 0 {
		return len(p.Members)
	}
	return len(p.own)
}
