// Package config reads healthlb's part of a Corefile. It opens no socket, starts no goroutine and leaves nothing behind; what it
// returns is complete: every value checked, every default filled in.
package config

import (
	"net/netip"
	"time"

	"example.org/healthlb/plugin/healthlb/place"
	"example.org/healthlb/plugin/healthlb/pool"
	"example.org/healthlb/plugin/healthlb/probe"
)

// Block is one healthlb block of a Corefile.
type Block struct {
	Where   string   // file:line of the block, for errors
	Zones   []string // the server block's zones, lower-case FQDNs
	Process Process  // what this block says of it; see Combine
	NS      []NameServer
	SOA     SOA

	Fallthrough      bool     // healthlb answers only at the names of its pools
	FallthroughZones []string // only for names in these zones, lower-case FQDNs; empty: all

	Places      *place.Table // which networks are in which region; nil when neither place REGION nor places is said
	PlacesFiles []string     // absolute; what they say follows the Corefile's own place lines in Places
	GeoIP       string       // what the plugin geoip tells regions by, continent or country; empty: it is not asked

	GeoIPBySubnet bool // geoip looks at the client subnets of queries, whoever says them; see CheckNeighbours

	Express    int      // how many sockets of its own it answers on at each address; 0: none
	Ports      []string // where the server block speaks plain DNS; only known with Express, see CheckNeighbours
	ExpressNot []string // zones of other server blocks at the same address that are inside this one's, see CheckNeighbours

	Dynamic  bool // pools can be made at run time, see RuntimePool
	Pools    []Pool
	Warnings []string // what should be logged when the block comes into force

	process     processText
	serverBlock int // which one of the Corefile it is in
	geoIPAt     pos
	expressAt   pos
	places      placesText   // for ReloadPlaces; only with files
	reader      *blockReader // for RuntimePool; only when Dynamic
}

// Process is what is one for the whole process. Several blocks may say it, but only with the same values.
type Process struct {
	Region  string
	State   string // directory, absolute; empty: none
	StateAt string // file:line, for errors; empty without State
	Admin   *Admin // nil: none
	AdminAt string // file:line, for errors; empty without Admin

	Isolation *Isolation // nil: off

	OnChange   *OnChange // nil: events are posted nowhere
	OnChangeAt string    // file:line, for errors; empty without OnChange
}

// Admin is the admin endpoint. File names are absolute.
type Admin struct {
	Network   string // tcp or unix
	Address   string // HOST:PORT or an absolute path
	TokenFile string // empty: none
	CertFile  string
	KeyFile   string
	ClientCA  string
	Hosts     []string // further names that a Host header may have, lower-case
}

// Isolation says when this responder takes itself to be cut off.
type Isolation struct {
	Share     float64          // of all targets that were up: when more than this fail at once; above 0 and below 1
	Witnesses []netip.AddrPort // addresses that are tried then, too
}

// OnChange is where events are posted to. File names are absolute.
type OnChange struct {
	URL        string // http or https; its host is lower-case
	SecretFile string // empty: posts are not signed
	CAFile     string // empty: the system's authorities
}

// NameServer is one name of an ns line, with the addresses for glue.
type NameServer struct {
	Name  string // lower-case FQDN
	Addrs []netip.Addr
}

// SOA holds the fields of the SOA record. The MNAME is the first name server, else the apex.
type SOA struct {
	Mbox     string // lower-case FQDN; empty: hostmaster under the apex
	Refresh  uint32 // seconds, as the rest
	Retry    uint32
	Expire   uint32
	Negative uint32 // the SOA's MINIMUM and TTL: how long a negative answer may be cached (RFC 2308 section 5)
}

// Pool is one pool with what is needed to probe its members.
type Pool struct {
	pool.Spec
	Where        string        // file:line
	MembersFiles []string      // absolute; their members follow the Corefile's own in Spec.Members
	Probes       []probe.Check // one for each of Spec.Checks, in the same order
	Interval     time.Duration
	Timeout      time.Duration
	Confirm      time.Duration
	Source       [pool.Families]netip.Addr // where probes come from; the zero Addr: the kernel chooses
	Tripwire     bool                      // an idle connection is held to each member
	Dynamic      bool                      // members can come at run time

	at    pos
	own   []member // the Corefile's own members, for ReloadMembers; only with files
	files []dataFile
}
