package healthlb

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/coredns/caddy"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/config"
)

// adminClient calls an admin endpoint over a connection that is kept.
type adminClient struct {
	http.Client
	base string
}

func (c *adminClient) call(b *testing.B, method, path, body, secret string, status int) (answer []byte) {
	b.Helper()
	req, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if secret != "" {
		req.Header.Set("Registration-Secret", secret)
	}
	res, err := c.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		b.Fatalf("%s %s: %s, want %d: %s, %v", method, path, res.Status, status, answer, err)
	}
	return answer
}

const benchRegistrations = "/v1/pools/web.example.org/registrations"

// register has a server register itself, which has that address for its id.
func (c *adminClient) register(b *testing.B, addr string) (secret string) {
	b.Helper()
	answer := c.call(b, "POST", benchRegistrations, fmt.Sprintf(`{"addresses": [%q], "ttl": "1h"}`, addr), "", http.StatusCreated)
	var told api.Registration
	if err := json.Unmarshal(answer, &told); err != nil {
		b.Fatal(err)
	}
	return told.Secret
}

// benchAdmin starts a hub with an admin endpoint on the loopback interface, and returns a client of it. The hub has 1,000 pools of 4 members,
// big of 1,000, and web, with which servers register themselves. Nobody is probed.
//
// The state is kept where syncing costs nothing, if there is such a place: a change waits for the disk longer than for all else, and that
// says nothing of this code.
func benchAdmin(b *testing.B) *adminClient {
	b.Helper()
	memory := "/dev/shm"
	if _, err := os.Stat(memory); err != nil {
		memory = ""
	}
	dir, err := os.MkdirTemp(memory, "healthlb")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()

	text := strings.TrimSuffix(benchCorefile(1000, 4, "state "+dir+"\nadmin "+address+"\ncheck up\ninterval 1h"), "}\n")
	text += "pool web.example.org {\ndynamic\nmember 192.0.2.1\n}\npool big.example.org {\n"
	for m := range 1000 {
		text += fmt.Sprintf("member 10.1.%d.%d\n", m/256, m%256)
	}
	controller := caddy.NewTestController("dns", text+"}\n}\n")
	controller.ServerBlockKeys = []string{"example.org:53"}
	block, err := config.Parse(controller)
	if err != nil {
		b.Fatal(err)
	}
	h, g := newHub(), newGeneration()
	if _, err := g.add(block); err != nil {
		b.Fatal(err)
	}
	if err := h.acquire(g); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { h.release(g) })
	transport := new(http.Transport)
	b.Cleanup(transport.CloseIdleConnections)
	return &adminClient{http.Client{Transport: transport}, "http://" + address}
}

// BenchmarkAdmin is what calls of the admin endpoint cost, the caller's part included.
func BenchmarkAdmin(b *testing.B) {
	c := benchAdmin(b)
	get := func(path string) func(*testing.B, int) {
		return func(b *testing.B, _ int) { c.call(b, "GET", path, "", "", http.StatusOK) }
	}
	entry := func(i int) string {
		return fmt.Sprintf(`[{"address": "10.0.0.1", "pool": "p7.example.org", "reason": "%d"}]`, i)
	}
	const stays = "192.0.2.2"
	secret := c.register(b, stays)
	for _, bm := range []struct {
		name string
		do   func(b *testing.B, i int)
	}{
		{"list 100 pools", get("/v1/pools")},
		{"get pool of 4", get("/v1/pools/p7.example.org")},
		{"get pool of 1000", get("/v1/pools/big.example.org")},
		{"get blocklist", get("/v1/blocklist")},
		{"explain", get("/v1/explain?name=p7.example.org&client=198.51.100.1")},
		{"put blocklist", func(b *testing.B, i int) { c.call(b, "PUT", "/v1/blocklist", entry(i), "", http.StatusOK) }},
		{"block and unblock", func(b *testing.B, i int) {
			c.call(b, "POST", "/v1/blocklist", entry(i), "", http.StatusOK)
			c.call(b, "DELETE", "/v1/blocklist/10.0.0.1?pool=p7.example.org", "", "", http.StatusOK)
		}},
		{"register and leave", func(b *testing.B, i int) {
			addr := fmt.Sprintf("10.2.%d.%d", i/256%256, i%256)
			c.call(b, "DELETE", benchRegistrations+"/"+addr, "", c.register(b, addr), http.StatusOK)
		}},
		{"renew", func(b *testing.B, _ int) { c.call(b, "PUT", benchRegistrations+"/"+stays, "", secret, http.StatusOK) }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				bm.do(b, i)
			}
		})
	}
}
