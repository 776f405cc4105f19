package state

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// childVar says which of children a process started by a test is.
const childVar = "HEALTHLB_STATE_TEST_CHILD"

// children are what this binary does as a process of its own, in a store's directory.
var children = map[string]func(dir string) error{"write": writeForEver, "hold": hold, "limit": runIntoLimit, "open": justOpen}

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childVar)]; child != nil {
		if err := child(os.Args[1]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// process is a child under way.
type process struct {
	*exec.Cmd
	in  io.Closer
	out *bufio.Scanner
}

// start starts a child, which is killed at the end of the test at the latest.
func start(t *testing.T, child, dir string, prepare ...func(*exec.Cmd)) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], dir)
	cmd.Env = append(os.Environ(), childVar+"="+child)
	for _, p := range prepare {
		p(cmd)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd, in, bufio.NewScanner(out)}
	t.Cleanup(p.kill)
	return p
}

// line is the child's next line.
func (p *process) line(t *testing.T) string {
	t.Helper()
	if !p.out.Scan() {
		t.Fatalf("the child has ended: %v", p.out.Err())
	}
	return p.out.Text()
}

// kill is kill -9. All that the child has printed can be read before.
func (p *process) kill() {
	p.Process.Kill()
	p.Wait()
}

// open opens a store that nobody else has open.
func open(t *testing.T, dir string) *Bolt {
	t.Helper()
	b, err := OpenBolt(dir, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// put writes one record.
func put(b *Bolt, bucket, key, value string) error {
	return b.Update(func(w Writer) error { return w.Put(bucket, key, []byte(value)) })
}

// contents reads everything in some buckets, as bucket/key.
func contents(t *testing.T, b *Bolt, buckets ...string) (all map[string]string, revision uint64) {
	t.Helper()
	all = map[string]string{}
	err := b.View(func(r Reader) error {
		revision = r.Revision()
		for _, bucket := range buckets {
			err := r.Each(bucket, func(key string, value []byte) error {
				all[bucket+"/"+key] = string(value)
				if got := r.Get(bucket, key); !bytes.Equal(got, value) {
					return fmt.Errorf("Get and Each differ at %s: %q and %q", key, got, value)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, revision
}

// want compares all of a store's contents, given as "bucket/key=value ...".
func want(t *testing.T, b *Bolt, want string, buckets ...string) {
	t.Helper()
	got, _ := contents(t, b, buckets...)
	wanted := map[string]string{}
	for _, pair := range strings.Fields(want) {
		key, value, _ := strings.Cut(pair, "=")
		wanted[key] = value
	}
	if !maps.Equal(got, wanted) {
		t.Errorf("the store has %v, want %v", got, wanted)
	}
}

// padded is a key that sorts by its number.
func padded(i int) string { return fmt.Sprintf("%08d", i) }

// number is what padded was given.
func number(t *testing.T, s string) int {
	t.Helper()
	i, err := strconv.Atoi(strings.TrimLeft(s, "0"))
	if err != nil && strings.Trim(s, "0") != "" {
		t.Fatalf("the child says %q", s)
	}
	return i
}
