package config

import (
	"reflect"
	"testing"
)

// blockFor returns a block with one pool and more lines, the first of which is line 2.
func blockFor(t *testing.T, pool, lines string) *Block {
	t.Helper()
	return mustParse(t, "healthlb {\n"+lines+"\npool "+pool+".lb.example.org {\n member 192.0.2.1\n}\n}")
}

func TestCombine(t *testing.T) {
	blocks := []*Block{
		blockFor(t, "a", ""),
		blockFor(t, "b", "region eu\nadmin 127.0.0.1:8053 hosts y x x\nstate /s"),
		blockFor(t, "c", "admin 127.0.0.1:8053 hosts x y"),
		blockFor(t, "d", "state /s/.\nregion eu"),
	}
	got, err := Combine(blocks)
	if err != nil {
		t.Fatal(err)
	}
	want := Process{
		Region: "eu", State: "/s", StateAt: "Testfile:4",
		Admin: &Admin{Network: "tcp", Address: "127.0.0.1:8053", Hosts: []string{"x", "y"}}, AdminAt: "Testfile:3",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, b := range blocks {
		if b.Pools[0].Region != "eu" {
			t.Errorf("pool %s has region %q", b.Pools[0].Name, b.Pools[0].Region)
		}
	}
}

func TestCombineNothing(t *testing.T) {
	if got, err := Combine(nil); err != nil || !reflect.DeepEqual(got, Process{}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWrongCombinations(t *testing.T) {
	const differs = ": differs from what is said at Testfile:2; it is one for the whole process: say it once, or the same everywhere"
	for _, c := range []struct{ name, first, second, pool, want string }{
		{"region", "region eu", "region us", "b", "Testfile:2: region" + differs},
		{"state", "state /a", "\nstate /b", "b", "Testfile:3: state" + differs},
		{"admin address", "admin :1 token_file /t", "admin :2 token_file /t", "b", "Testfile:2: admin" + differs},
		{"admin token", "admin :1 token_file /t", "admin :1 token_file /u", "b", "Testfile:2: admin" + differs},
		{"isolation share", "isolation 60%", "isolation 61%", "b", "Testfile:2: isolation" + differs},
		{"isolation off", "isolation 60%", "isolation off", "b", "Testfile:2: isolation" + differs},
		{"isolation witness", "isolation 60%", "isolation 60% witness 192.0.2.1:443", "b", "Testfile:2: isolation" + differs},
		{"admin hosts", "admin localhost:1", "admin localhost:1 hosts x", "b", "Testfile:2: admin" + differs},
		{"pool", "", "\n\n", "a", "Testfile:5: pool a.lb.example.org.: is the name of the pool at Testfile:3; " +
			"put the members together in one pool"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Combine([]*Block{blockFor(t, "a", c.first), blockFor(t, c.pool, c.second)})
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}
