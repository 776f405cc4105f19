package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

var adminDirectives = table[Admin]{
	"token_file": {parse: func(a *args, ad *Admin) (err error) {
		ad.TokenFile, err = a.file("FILE")
		return err
	}},
	"tls": {parse: func(a *args, ad *Admin) (err error) {
		ad.CertFile, ad.KeyFile, err = takeKeyPair(a)
		return err
	}},
	"client_ca": {parse: func(a *args, ad *Admin) (err error) {
		ad.ClientCA, err = a.file("FILE")
		return err
	}},
}

func init() { adminDirectives["hosts"] = directive[Admin]{parse: parseHosts} } // it must know the other words

// parseAdmin parses ADDR [OPTIONS].
func parseAdmin(a *args) (*Admin, error) {
	ad, err := take(a, "ADDR", func(s string) (*Admin, error) { return parseAdminAddr(a, s) })
	if err != nil {
		return nil, err
	}
	if err := adminDirectives.options(a, "in an admin line", ad); err != nil {
		return nil, err
	}
	if ad.ClientCA != "" && ad.CertFile == "" {
		return nil, a.fail(fault{"has client_ca, but client certificates need TLS", "add tls CERT KEY"})
	}
	if !ad.local() && ad.TokenFile == "" && ad.ClientCA == "" {
		return nil, a.fail(fault{"would let everyone who reaches " + ad.Address + " change what is answered",
			"add token_file FILE, or tls CERT KEY and client_ca FILE, or listen on 127.0.0.1 or a unix socket"})
	}
	return ad, nil
}

// local says whether only this host can reach the endpoint.
func (ad *Admin) local() bool {
	if ad.Network == "unix" {
		return true
	}
	host, _, _ := net.SplitHostPort(ad.Address)
	ip, err := netip.ParseAddr(host)
	return host == localhost || err == nil && ip.IsLoopback()
}

const localhost = "localhost"

// parseAdminAddr parses HOST:PORT, :PORT or unix:PATH.
func parseAdminAddr(a *args, s string) (*Admin, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		const longest = 107 // bytes in the sun_path of unix(7), less the NUL
		path, err := a.absolute(path)
		if err == nil && len(path) > longest {
			err = fault{
				fmt.Sprintf("has %d bytes as an absolute path", len(path)),
				fmt.Sprintf("a unix socket's path has at most %d", longest),
			}
		}
		return &Admin{Network: "unix", Address: path}, err
	}
	wrong := fault{"is no address to listen on", "write HOST:PORT with an IP address or localhost as HOST, or :PORT, or unix:PATH"}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return nil, wrong
	}
	n, err := parsePort(port)
	if err != nil {
		return nil, err
	}
	if host, err = listenHost(host); err != nil {
		return nil, wrong
	}
	return &Admin{Network: "tcp", Address: net.JoinHostPort(host, fmt.Sprint(n))}, nil
}

// listenHost returns the host in its one canonical form: nothing (all addresses), localhost or an IP address.
func listenHost(host string) (string, error) {
	if host == "" || strings.EqualFold(host, localhost) {
		return strings.ToLower(host), nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.IsMulticast() || ip.Is4In6() {
		return "", errors.New("no host to listen on")
	}
	return ip.String(), nil
}

// parseHosts takes names and addresses up to the next option.
func parseHosts(a *args, ad *Admin) error {
	for a.more() {
		if _, option := adminDirectives[a.words[a.next]]; option {
			break
		}
		host, err := take(a, "NAME", parseHost)
		if err != nil {
			return err
		}
		ad.Hosts = append(ad.Hosts, host)
	}
	if len(ad.Hosts) == 0 {
		return a.missing("NAME")
	}
	slices.Sort(ad.Hosts)
	ad.Hosts = slices.Compact(ad.Hosts)
	return nil
}

func parseHost(s string) (string, error) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		return ip.String(), nil
	}
	return parseServerName(s)
}
