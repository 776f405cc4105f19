package config

import (
	"strings"
	"testing"
)

// example is the Corefile of DESIGN.md section 4, as far as it is known here.
const example = `healthlb {
    region  eu-west                      # this responder's own region
    state   /var/lib/healthlb            # where blocks, run-time members and drains are kept
    admin   127.0.0.1:8053
    ns      ns1.lb.example.org ns2.lb.example.org

    check   tls 443                      # anything that a pool may say may also be said here, as its default
    interval 5s

    pool www.lb.example.org {
        member 192.0.2.10 2001:db8::10
        member 192.0.2.11 weight 3
        member 198.51.100.7 region us-east id virginia-1
        policy round_robin
        answers 2
    }
    pool api.lb.example.org {
        check  tcp 8443
        policy hash
        member 192.0.2.20
        member 192.0.2.21
    }
}`

func TestExample(t *testing.T) {
	b := mustParse(t, example)
	if len(b.Pools) != 2 || len(b.Warnings) != 2 || b.Process.Region != "eu-west" {
		t.Fatalf("got %+v", b)
	}
	www, api := b.Pools[0], b.Pools[1]
	if got := strings.Join(checks(&www).([]string), ", "); got != "443 tls sni www.lb.example.org" {
		t.Errorf("www is checked by %s", got)
	}
	if got := strings.Join(checks(&api).([]string), ", "); got != "8443 tcp" {
		t.Errorf("api is checked by %s", got)
	}
	if www.Answers != 2 || api.Answers != 1 || www.Region != "eu-west" || www.Members[2].ID != "virginia-1" ||
		www.Members[1].Weight != 3 {
		t.Errorf("got %+v and %+v", www, api)
	}
}
