package peer

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Gdnsd is gdnsd with a multifo resource for each pool, its members checked by tcp_connect, in one UDP thread.
func Gdnsd() Server {
	server := Server{Name: "gdnsd", Command: "gdnsd", Package: "gdnsd", Answers: 4}
	server.Start = func(s Setup) (*Process, error) {
		path, err := server.Find()
		if err != nil {
			return nil, err
		}
		var resources, records strings.Builder
		for i, members := range s.Pools {
			fmt.Fprintf(&resources, "    %s => { addrs_v4 => [\n", PoolName(i))
			for _, member := range members {
				fmt.Fprintf(&resources, "      %v,\n", member)
			}
			resources.WriteString("    ] }\n")
			fmt.Fprintf(&records, "%s 30 DYNA multifo!%s\n", PoolName(i), PoolName(i))
		}
		check, service := "up", ""
		if s.Members != 0 {
			check, service = "member", fmt.Sprintf("  member => { plugin => tcp_connect, port => %d%s }\n", s.Members, s.gdnsdInterval())
		}
		err = s.write(map[string]string{
			"config": fmt.Sprintf(`options => {
  listen => 127.0.0.1:%d
  udp_threads => 1
  tcp_threads => 1
  run_dir => %s
  state_dir => %s
}
service_types => {
%s}
plugins => {
  multifo => {
    service_types => %s
%s  }
}
`, s.Port, filepath.Join(s.Dir, "run"), filepath.Join(s.Dir, "state"), service, check, resources.String()),
			"zones/example.org": zoneFile(records.String()),
		})
		if err != nil {
			return nil, err
		}
		return Start(s.Dir, s.Core, path, "-c", s.Dir, "start")
	}
	return server
}

// gdnsdInterval is how often a member is checked.
func (s Setup) gdnsdInterval() string {
	if s.Every == 0 {
		return ""
	}
	return fmt.Sprintf(", interval => %d", int(s.Every.Seconds()))
}
