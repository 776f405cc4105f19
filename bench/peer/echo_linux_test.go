package peer

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestEcho expects each floor to send back the query as its own answer.
func TestEcho(t *testing.T) {
	for _, server := range []Server{Echo("Go"), Echo("C")} {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath("cc"); server.Command != "" && err != nil {
				t.Skip(err)
			}
			port, err := FreePort()
			if err != nil {
				t.Fatal(err)
			}
			setup := Setup{Dir: t.TempDir(), Core: AnyCore, Port: port}
			p, err := server.Start(setup)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Stop()
			err = WaitReply(p, setup.At(), server.Query(), 30*time.Second, func(reply *dns.Msg) error {
				if !reply.Response || len(reply.Question) != 1 || reply.Question[0].Name != dns.Fqdn(Name) {
					return fmt.Errorf("not its own answer:\n%v", reply)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
