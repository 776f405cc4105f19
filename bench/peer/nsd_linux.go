package peer

import "fmt"

// NSD is NSD with a zone file, in one serving process. Its limit of answers a second to one client network is off.
func NSD() Server {
	server := Server{Name: "nsd", Command: "nsd", Package: "nsd", Answers: 4}
	server.Start = func(s Setup) (*Process, error) {
		path, err := server.Find()
		if err != nil {
			return nil, err
		}
		err = s.write(map[string]string{
			"nsd.conf": fmt.Sprintf(`server:
  server-count: 1
  ip-address: 127.0.0.1@%d
  username: ""
  zonesdir: "%[2]s"
  pidfile: ""
  database: ""
  xfrdfile: "%[2]s/xfrd.state"
  zonelistfile: "%[2]s/zone.list"
  xfrdir: "%[2]s"
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  minimal-responses: yes
remote-control:
  control-enable: no
zone:
  name: example.org
  zonefile: db.example.org
`, s.Port, s.Dir),
			"db.example.org": s.staticZone(),
		})
		if err != nil {
			return nil, err
		}
		return Start(s.Dir, s.Core, path, "-d", "-c", "nsd.conf")
	}
	return server
}
