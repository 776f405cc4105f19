package client

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll returns all frames of a stream, as "id|data", and what ended it.
func readAll(r io.Reader) (all []string, err error) {
	f := newFrames(r)
	for {
		frame, err := f.next()
		if err != nil {
			return all, err
		}
		all = append(all, frame.id+"|"+string(frame.data))
	}
}

func TestFrames(t *testing.T) {
	for _, test := range []struct {
		name, stream string
		want         []string
	}{
		{"an event", "id: 1\nevent: block\ndata: a\n\n", []string{"1|a"}},
		{"two", "id: 1\ndata: a\n\nid: 2\ndata: b\n\n", []string{"1|a", "2|b"}},
		{"CR LF", "id: 1\r\ndata: a\r\n\r\nid: 2\r\ndata: b\r\n\r\n", []string{"1|a", "2|b"}},
		{"CR", "id: 1\rdata: a\r\rid: 2\rdata: b\r\r", []string{"1|a", "2|b"}},
		{"a mark of byte order", "\ufeffid: 1\ndata: a\n\n", []string{"1|a"}},
		{"a mark later on", "id: 1\n\n\ufeffdata: a\n\n", []string{"1|"}},
		{"lines of data", "data: a\ndata\ndata:b\ndata:  c\n\n", []string{"|a\n\nb\n c"}},
		{"comments", ": a\n:b\n\n:\nid: 1\n: c\ndata: a\n\n: d\n\n", []string{"1|a"}},
		{"an id that stays", "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", []string{"1|a", "1|b", "|c"}},
		{"an id alone", "id: 7\n\nid: 8\n\n", []string{"7|", "8|"}},
		{"an id with NUL", "id: 7\nid: 8\x00\ndata: a\n\n", []string{"7|a"}},
		{"unknown fields", "retry: 1\nfoo: bar\nDATA: x\n data: y\ndata: a\n\n", []string{"|a"}},
		{"only an event type", "event: block\n\n", nil},
		{"not whole", "data: a\n\ndata: b\n", []string{"|a"}},
		{"nothing", "", nil},
		{"the longest", "data: " + strings.Repeat("x", maxEvent-6) + "\n\n", []string{"|" + strings.Repeat("x", maxEvent-6)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once": strings.NewReader(test.stream), "in bytes": iotest.OneByteReader(strings.NewReader(test.stream)),
			} {
				if got, err := readAll(r); !slices.Equal(got, test.want) || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s: %.100q, want %.100q; %v", how, got, test.want, err)
				}
			}
		})
	}
}

func TestLongFrames(t *testing.T) {
	for name, stream := range map[string]string{
		"a line":       "data: " + strings.Repeat("x", maxEvent),
		"a comment":    ":" + strings.Repeat("x", maxEvent),
		"all the data": strings.Repeat("data: "+strings.Repeat("x", 1<<16)+"\n", 17),
	} {
		if got, err := readAll(strings.NewReader(stream)); len(got) > 0 || !errors.Is(err, errLongEvent) {
			t.Errorf("%s: %d frames, %v", name, len(got), err)
		}
	}
	broken := errors.New("broken")
	if _, err := readAll(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add("id: 1\nevent: block\ndata: {\"id\":1}\n\n: comment\n\n")
	f.Add("\ufeffdata: a\r\ndata\rid\r\n\r\n")
	f.Add("id: \x00\n\ndata:\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		at1, err := readAll(strings.NewReader(stream))
		inBytes, byteErr := readAll(iotest.OneByteReader(strings.NewReader(stream)))
		if !slices.Equal(at1, inBytes) || fmt.Sprint(err) != fmt.Sprint(byteErr) {
			t.Errorf("%q, %v at once; %q, %v in bytes", at1, err, inBytes, byteErr)
		}
	})
}
