package healthlb

import (
	"fmt"
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/block"
)

func TestNewsOfBlocks(t *testing.T) {
	now := time.Now()
	parse := func(text string) *block.Set {
		entries, err := block.ParseText([]byte(text), now)
		if err != nil {
			t.Fatal(err)
		}
		return block.NewSet(entries)
	}
	for _, test := range []struct{ name, before, after, added, gone string }{
		{"nothing", "192.0.2.1", "192.0.2.1", "[]", "[]"},
		{"one more", "192.0.2.1", "192.0.2.1\n192.0.2.2 owner=ann", "[192.0.2.2]", "[]"},
		{"one less", "192.0.2.1\n192.0.2.2", "192.0.2.2", "[]", "[192.0.2.1]"},
		{"longer only", "192.0.2.1 for=1m", "192.0.2.1 for=2m", "[]", "[]"},
		{"another mode", "192.0.2.1", "192.0.2.1 mode=no-register", "[192.0.2.1]", "[]"},
		{"another reason", "192.0.2.1 for=1m", "192.0.2.1 for=2m reason=why", "[192.0.2.1]", "[]"},
		{"another owner", "192.0.2.1 owner=ann", "192.0.2.1 owner=bob", "[192.0.2.1]", "[192.0.2.1]"},
	} {
		added, gone := news(parse(test.before), parse(test.after))
		if a, g := fmt.Sprint(addresses(added)), fmt.Sprint(addresses(gone)); a != test.added || g != test.gone {
			t.Errorf("%s: added %s, gone %s", test.name, a, g)
		}
	}
}

func addresses(entries []block.Entry) []string {
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Address())
	}
	return list
}
