package peer

import "fmt"

// Knot is Knot DNS with a zone file, in one UDP thread.
func Knot() Server {
	server := Server{Name: "knot", Command: "knotd", Package: "knot", Answers: 4}
	server.Start = func(s Setup) (*Process, error) {
		path, err := server.Find()
		if err != nil {
			return nil, err
		}
		err = s.write(map[string]string{
			"knot.conf": fmt.Sprintf(`server:
  listen: 127.0.0.1@%d
  rundir: %[2]s
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: %[2]s
log:
  - target: stderr
    any: warning
zone:
  - domain: example.org
    storage: %[2]s
    file: db.example.org
`, s.Port, s.Dir),
			"db.example.org": s.staticZone(),
		})
		if err != nil {
			return nil, err
		}
		return Start(s.Dir, s.Core, path, "-c", "knot.conf")
	}
	return server
}
