package peer

import (
	"fmt"
	"net/netip"
	"strings"
)

// Watch is what servers do while members fail and come back: they answer for pools, and leave out whom they find failing.
type Watch struct {
	Binary  string // bin/coredns
	Dir     string // for the configuration; it is made
	Port    uint16 // where it listens, at 127.0.0.1
	Pools   []WatchedPool
	Members uint16 // the port of all members
}

// WatchedPool is one pool.
type WatchedPool struct {
	Name    string // its first label, below example.org
	Members []netip.Addr
	HTTP    bool // members are asked for a page; else they only have to accept a connection
}

// Watcher is a server with checks of its own, which answers with all members that it takes to be well.
type Watcher struct {
	Server
	Settings string // how it checks, in the words of its configuration
	Watch    func(Watch) (*Process, error)
}

// WatchHealthlb is healthlb with settings, each of which is a line of its block.
func WatchHealthlb(name string, settings ...string) Watcher {
	said := strings.Join(settings, ", ") + ", timeout by default (a quarter of interval, 250ms to 2s)"
	return Watcher{Server{Name: name}, said, func(w Watch) (*Process, error) {
		var text strings.Builder
		fmt.Fprintf(&text, "example.org:%d {\n    bind 127.0.0.1\n    healthlb {\n        answers all\n", w.Port)
		for _, line := range settings {
			fmt.Fprintf(&text, "        %s\n", line)
		}
		for _, pool := range w.Pools {
			kind := "tcp"
			if pool.HTTP {
				kind = "http"
			}
			fmt.Fprintf(&text, "        pool %s.example.org {\n            check %s %d\n", pool.Name, kind, w.Members)
			for _, member := range pool.Members {
				fmt.Fprintf(&text, "            member %v\n", member)
			}
			text.WriteString("        }\n")
		}
		text.WriteString("    }\n}\n")
		return StartCoreDNS(w.Binary, w.Dir, AnyCore, text.String())
	}}
}

// WatchGdnsd is gdnsd with a multifo resource for each pool. The settings are those of its service types; without any it goes by its
// defaults.
func WatchGdnsd(name string, settings ...string) Watcher {
	server := Server{Name: name, Command: "gdnsd", Package: "gdnsd"}
	said := strings.Join(settings, ", ")
	if said == "" {
		said = "its defaults (interval 10, timeout 5, down_thresh 10, up_thresh 20)"
	}
	return Watcher{server, said, func(w Watch) (*Process, error) {
		path, err := server.Find()
		if err != nil {
			return nil, err
		}
		var resources, records strings.Builder
		for _, pool := range w.Pools {
			service := "connects"
			if pool.HTTP {
				service = "answers"
			}
			fmt.Fprintf(&resources, "    %s => { service_types => %s, addrs_v4 => {", pool.Name, service)
			for i, member := range pool.Members {
				fmt.Fprintf(&resources, " m%d => %v,", i, member)
			}
			resources.WriteString(" } }\n")
			fmt.Fprintf(&records, "%s 30 DYNA multifo!%s\n", pool.Name, pool.Name)
		}
		var lines strings.Builder
		for _, line := range settings {
			fmt.Fprintf(&lines, ", %s", strings.Replace(line, " ", " => ", 1))
		}
		err = Setup{Dir: w.Dir}.write(map[string]string{
			"config": fmt.Sprintf(`options => { listen => 127.0.0.1:%d, run_dir => %s/run, state_dir => %s/state }
service_types => {
  connects => { plugin => tcp_connect, port => %d%s }
  answers => { plugin => http_status, port => %d, vhost => www.example.org%s }
}
plugins => {
  multifo => {
%s  }
}
`, w.Port, w.Dir, w.Dir, w.Members, lines.String(), w.Members, lines.String(), resources.String()),
			"zones/example.org": zoneFile(records.String()),
		})
		if err != nil {
			return nil, err
		}
		return Start(w.Dir, AnyCore, path, "-c", w.Dir, "start")
	}}
}

// WatchPowerDNS is PowerDNS with a LUA record for each pool, whose checks run every so many seconds. One failure and one pass are enough
// for it. Its caches are off, as they would go on with an answer whatever the checks say.
func WatchPowerDNS(name string, interval int) Watcher {
	server := Server{Name: name, Command: "pdns_server", Package: "pdns-server and pdns-backend-bind"}
	said := fmt.Sprintf("lua-health-checks-interval=%d, timeout 1, one failure or pass is enough", interval)
	return Watcher{server, said, func(w Watch) (*Process, error) {
		path, err := server.Find()
		if err != nil {
			return nil, err
		}
		var records strings.Builder
		for _, pool := range w.Pools {
			var list []string
			for _, member := range pool.Members {
				list = append(list, fmt.Sprintf("'%v'", member))
			}
			check := fmt.Sprintf("ifportup(%d, {%s}", w.Members, strings.Join(list, ", "))
			if pool.HTTP {
				check = fmt.Sprintf("ifurlup('http://%s.example.org:%d/', {{%s}}", pool.Name, w.Members, strings.Join(list, ", "))
			}
			fmt.Fprintf(&records, "%s IN LUA A \"%s, {selector='all', timeout='1'})\"\n", pool.Name, check)
		}
		err = Setup{Dir: w.Dir}.write(map[string]string{
			"pdns.conf": fmt.Sprintf(`launch=bind
bind-config=%s/named.conf
enable-lua-records=shared
lua-health-checks-interval=%d
local-address=127.0.0.1
local-port=%d
socket-dir=%s
daemon=no
guardian=no
disable-syslog=yes
security-poll-suffix=
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
`, w.Dir, interval, w.Port, w.Dir),
			"named.conf":     "zone \"example.org\" { type master; file \"" + w.Dir + "/db.example.org\"; };\n",
			"db.example.org": zoneFile(records.String()),
		})
		if err != nil {
			return nil, err
		}
		return Start(w.Dir, AnyCore, path, "--config-dir="+w.Dir)
	}}
}
