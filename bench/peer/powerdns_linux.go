package peer

import (
	"fmt"
	"strings"
)

// PowerDNS is PowerDNS with a LUA record of ifportup for each pool, in one thread. Without shared state it makes a Lua context for each
// query, which is its default.
func PowerDNS(shared bool) Server {
	server := Server{Name: "PowerDNS LUA", Command: "pdns_server", Package: "pdns-server and pdns-backend-bind", Answers: 4}
	lua := "yes"
	if shared {
		server.Name, lua = "PowerDNS LUA shared", "shared"
	}
	server.Start = func(s Setup) (*Process, error) {
		path, err := server.Find()
		if err != nil {
			return nil, err
		}
		var records strings.Builder
		for i, members := range s.Pools {
			var list []string
			for _, member := range members {
				list = append(list, fmt.Sprintf("'%v'", member))
			}
			fmt.Fprintf(&records, "%s IN LUA A \"ifportup(%d, {%s}, {selector='all'})\"\n", PoolName(i), s.Members, strings.Join(list, ", "))
		}
		interval := ""
		if s.Every != 0 {
			interval = fmt.Sprintf("lua-health-checks-interval=%d\n", int(s.Every.Seconds()))
		}
		err = s.write(map[string]string{
			"pdns.conf": fmt.Sprintf(`launch=bind
bind-config=%s/named.conf
enable-lua-records=%s
%slocal-address=127.0.0.1
local-port=%d
socket-dir=%s
daemon=no
guardian=no
disable-syslog=yes
security-poll-suffix=
receiver-threads=1
distributor-threads=1
`, s.Dir, lua, interval, s.Port, s.Dir),
			"named.conf":     "zone \"example.org\" { type master; file \"" + s.Dir + "/db.example.org\"; };\n",
			"db.example.org": zoneFile(records.String()),
		})
		if err != nil {
			return nil, err
		}
		return Start(s.Dir, s.Core, path, "--config-dir="+s.Dir)
	}
	return server
}
