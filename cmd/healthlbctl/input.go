package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"
)

// maxInput is the largest file sent, in bytes: what the endpoint takes.
const maxInput = 1 << 20

// readInput reads a file that a flag or an argument names; - is standard input, which may be waited for until somebody interrupts.
func (a *app) readInput(ctx context.Context, file string) ([]byte, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readAll(f, file)
	}
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		data, err := readAll(a.in, "standard input")
		read <- result{data, err}
	}()
	select {
	case r := <-read:
		return r.data, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func readAll(from io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("%s has more than %d bytes, which is what the server takes", name, maxInput)
	}
	return data, err
}

// parseAddress reads a server's address, and returns it as the endpoint writes it.
func parseAddress(s string) (string, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" || addr.Is4In6() {
		return "", usage("%q is no address of a server: want one such as 192.0.2.10 or 2001:db8::10", s)
	}
	return addr.String(), nil
}

// parseAddresses reads one IPv4 and/or one IPv6 address.
func parseAddresses(list []string) ([]string, error) {
	var parsed []string
	for _, s := range list {
		address, err := parseAddress(s)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, address)
	}
	if len(parsed) > 2 || len(parsed) == 2 && isIPv6(parsed[0]) == isIPv6(parsed[1]) {
		return nil, usage("%s are no addresses of one member: want one IPv4 and/or one IPv6 address", strings.Join(list, " and "))
	}
	return parsed, nil
}

func isIPv6(address string) bool { return strings.Contains(address, ":") }

// parseTarget reads an address or a network.
func parseTarget(s string) (string, error) {
	if !strings.Contains(s, "/") {
		if _, err := parseAddress(s); err != nil {
			return "", usage("%q is neither an address nor a network: want one such as 192.0.2.10 or 192.0.2.0/24", s)
		}
		return s, nil
	}
	prefix, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return "", usage("%q is no network: want one such as 192.0.2.0/24 or 2001:db8::/32", s)
	case prefix != prefix.Masked():
		return "", usage("%s has host bits: want %s", s, prefix.Masked())
	}
	return s, nil
}

// parseLength reads a length of time of a flag, from least to most.
func parseLength(flag, s string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < least || d > most {
		return 0, usage("--%s: %q is no time for this: want a number with a unit such as 90s, 15m or 72h, at least %s and at most %s",
			flag, s, least, most)
	}
	return d, nil
}
