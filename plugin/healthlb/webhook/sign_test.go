package webhook

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestVerify(t *testing.T) {
	const key, text = "secret-0123456789abcdef", `{"events":[]}`
	at := time.Unix(1_700_000_000, 0)
	// printf '1700000000.{"events":[]}' | openssl dgst -sha256 -hmac secret-0123456789abcdef
	const mac = "cf4fa93d4a49d863779fd71ce27a12120af58d34e326d0760683c8d47723ff53"
	right := "t=1700000000,v1=" + mac
	if got := sign([]byte(key), []byte(text), at.Add(999*time.Millisecond)); got != right {
		t.Fatalf("signed %s, want %s", got, right)
	}
	huge := sign([]byte(key), []byte(text), time.Unix(math.MaxInt64, 0))
	for _, tc := range []struct {
		name, key, header, text string
		now                     time.Time
		want                    error
	}{
		{"right", key, right, text, at, nil},
		{"late, but not too late", key, right, text, at.Add(time.Minute + 999*time.Millisecond), nil},
		{"a clock that is behind", key, right, text, at.Add(-time.Minute), nil},
		{"spaces", key, "t=1700000000, v1=" + mac, text, at, nil},
		{"the other way round, with more", key, "v1=" + mac + ",v2=x,t=1700000000,", text, at, nil},
		{"two secrets", key, "t=1700000000,v1=00,v1=" + mac, text, at, nil},
		{"upper case", key, "t=1700000000,v1=" + strings.ToUpper(mac), text, at, nil},
		{"too late", key, right, text, at.Add(time.Minute + time.Second), ErrTime},
		{"too early", key, right, text, at.Add(-time.Minute - time.Second), ErrTime},
		{"in 292 years", key, huge, text, at, ErrTime},
		{"another secret", key + "x", right, text, at, ErrSignature},
		{"another body", key, right, text + "\n", at, ErrSignature},
		{"another time", key, "t=1700000001,v1=" + mac, text, at, ErrSignature},
		{"the time written in another way", key, "t=+1700000000,v1=" + mac, text, at, ErrSignature},
		{"a part of it", key, right[:len(right)-2], text, at, ErrSignature},
		{"no hexadecimal digits", key, right[:len(right)-1] + "x", text, at, ErrSignature},
		{"no header", key, "", text, at, ErrSignature},
		{"no time", key, "v1=" + mac, text, at, ErrSignature},
		{"two times", key, right + ",t=1700000000", text, at, ErrSignature},
		{"no signature", key, "t=1700000000", text, at, ErrSignature},
		{"too many signatures", key, right + strings.Repeat(",v1=00", 8), text, at, ErrSignature},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := Verify([]byte(tc.key), tc.header, []byte(tc.text), tc.now, time.Minute); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
	if err := Verify([]byte("short"), right, []byte(text), at, time.Minute); err == nil || !strings.Contains(err.Error(), "has 5 bytes") {
		t.Errorf("a short secret: %v", err)
	}
	unreadable := fmt.Sprintf("t=x,v1=%x", digest([]byte(key), "x", []byte(text)))
	if err := Verify([]byte(key), unreadable, []byte(text), at, time.Minute); !errors.Is(err, ErrTime) {
		t.Errorf("a time that is none: %v", err)
	}
}

func TestSignedIsVerified(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), minSecret, 100).Draw(t, "secret")
		text := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		at := time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "time"), 0)
		header := sign(key, text, at)
		if err := Verify(key, header, text, at, 0); err != nil {
			t.Fatal(err)
		}
		bit := rapid.IntRange(0, 8*len(text)).Draw(t, "bit")
		if bit == 8*len(text) {
			text = append(text, 0)
		} else {
			text[bit/8] ^= 1 << (bit % 8)
		}
		if err := Verify(key, header, text, at, 0); !errors.Is(err, ErrSignature) {
			t.Fatalf("one bit of the body differs: %v", err)
		}
	})
}

// FuzzVerify reads any header. Only the right digest is accepted.
func FuzzVerify(f *testing.F) {
	key, now := []byte(secret), time.Unix(1_700_000_000, 0)
	for _, header := range []string{
		sign(key, []byte("body"), now), sign(key, nil, now), "", "t=1,v1=00", "t=,v1=", "t=9223372036854775807,v1=x,v1", ",,,", "=", "t", "v1=t=1",
	} {
		f.Add(header, "body")
	}
	f.Fuzz(func(t *testing.T, header, text string) {
		err := Verify(key, header, []byte(text), now, time.Minute)
		switch {
		case err != nil && (errors.Is(err, ErrSignature) == errors.Is(err, ErrTime) || err.Error() == ""):
			t.Errorf("got %v", err)
		case err == nil && !strings.Contains(strings.ToLower(header), fmt.Sprintf("%x", digest(key, stampOf(header), []byte(text)))):
			t.Errorf("accepted %q", header)
		}
	})
}

// stampOf returns the time that a header says, as a text.
func stampOf(header string) string {
	t, _, _ := parseSignature(header)
	return t
}
