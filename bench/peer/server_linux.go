package peer

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Name is the name that all servers are asked for. It is the first of their pools.
const Name = "www.example.org"

// Server is one that can be measured.
type Server struct {
	Name    string
	Command string // what it runs, if that is not made here; empty: it is
	Package string // Debian's package that has the command
	Answers int    // how many of the members of Name it answers with
	Signed  bool   // it is asked for signatures, and gives them
	Type    uint16 // that it is asked for; 0: A
	Pools   int    // how many pools' names it is asked for, in a random order; 0: Name only
	Start   func(Setup) (*Process, error)
}

// Setup is what a server is started with. It listens on 127.0.0.1.
type Setup struct {
	Binary  string // bin/coredns
	Dir     string // for its configuration, made when it is started
	Core    int
	Port    uint16
	Pools   [][]netip.Addr // the members of Name, p1.example.org, p2.example.org and so on; static servers know the first pool only
	Members uint16         // the port at which members are probed over TCP; 0: they are not probed
	Every   time.Duration  // how often each member is probed; 0: the server's default
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// At is where the server is asked.
func (s Setup) At() netip.AddrPort { return netip.AddrPortFrom(loopback, s.Port) }

// Pools makes n addresses of 127.0.0.0/8 the members of pools, of so many each.
func Pools(n, each int) (pools [][]netip.Addr) {
	for i := range n {
		if i%each == 0 {
			pools = append(pools, nil)
		}
		last := len(pools) - 1
		pools[last] = append(pools[last], netip.AddrFrom4([4]byte{127, byte(1 + i/62500), byte(i / 250 % 250), byte(1 + i%250)}))
	}
	return pools
}

// PoolName is the first label of a pool's name.
func PoolName(i int) string {
	if i == 0 {
		return "www"
	}
	return fmt.Sprintf("p%d", i)
}

// Find returns the path of the server's command.
func (s Server) Find() (string, error) {
	path, err := exec.LookPath(s.Command)
	if err != nil {
		path, err = exec.LookPath(filepath.Join("/usr/sbin", s.Command)) // where Debian has servers, and few users look
	}
	return path, err
}

// Query is what the server is asked.
func (s Server) Query() []byte {
	if s.Signed {
		return QuestionDO(Name, dns.TypeA)
	}
	return Question(Name, cmp.Or(s.Type, dns.TypeA))
}

// Queries are all that it is asked.
func (s Server) Queries() (queries [][]byte) {
	if s.Pools == 0 {
		return [][]byte{s.Query()}
	}
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(s.Pools) {
		queries = append(queries, Question(PoolName(i)+".example.org", cmp.Or(s.Type, dns.TypeA)))
	}
	return queries
}

// Seen is what a right reply was like.
type Seen struct {
	Records int // in the answer section
	Bytes   int
}

// Check waits until the server answers as it should, and tells what the reply was like. One that comes late is no error: after a load the
// server may have many queries left to read.
func (s Server) Check(p *Process, at netip.AddrPort, deadline time.Duration) (seen Seen, err error) {
	err = waitMessage(p, at, s.Query(), deadline, func(message []byte) error {
		reply, err := unpack(message)
		if err != nil {
			return err
		}
		seen = Seen{len(reply.Answer), len(message)}
		return s.right(reply)
	})
	return seen, err
}

// CheckPools waits until the server answers for each pool with all of its members, who are as many as it answers with.
func (s Server) CheckPools(p *Process, setup Setup, deadline time.Duration) error {
	end := time.Now().Add(deadline)
	for i, members := range setup.Pools {
		query := Question(PoolName(i)+".example.org", dns.TypeA)
		err := WaitReply(p, setup.At(), query, time.Until(end), func(reply *dns.Msg) error {
			for _, rr := range reply.Answer {
				if a, ok := rr.(*dns.A); ok {
					if addr, _ := netip.AddrFromSlice(a.A.To4()); !slices.Contains(members, addr) {
						return fmt.Errorf("%v is no member", addr)
					}
				}
			}
			return s.right(reply)
		})
		if err != nil {
			return fmt.Errorf("pool %d: %w", i, err)
		}
	}
	return nil
}

// right says what is wrong with a reply.
func (s Server) right(reply *dns.Msg) error {
	addresses, signatures := map[string]bool{}, 0
	for _, rr := range reply.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			addresses[rr.A.String()] = true
		case *dns.RRSIG:
			signatures++
		}
	}
	if reply.Rcode != dns.RcodeSuccess || reply.Truncated || len(addresses) != s.Answers || s.Signed != (signatures > 0) {
		return fmt.Errorf("%d addresses are expected, signed: %t, in this answer:\n%v", s.Answers, s.Signed, reply)
	}
	return nil
}

// write writes the files of a configuration, by name, into the setup's folder, which is made.
func (s Setup) write(files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(s.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// zoneFile is a zone example.org with the records given.
func zoneFile(records string) string {
	return `$ORIGIN example.org.
$TTL 30
@    IN SOA ns hostmaster 1 60 15 86400 5
@    IN NS  ns
ns   IN A   127.0.0.1
` + records
}

// staticZone is a zone with an A record for each member of Name.
func (s Setup) staticZone() string {
	var records strings.Builder
	for _, addr := range s.Pools[0] {
		fmt.Fprintf(&records, "www  IN A   %v\n", addr)
	}
	return zoneFile(records.String())
}
