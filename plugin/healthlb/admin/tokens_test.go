package admin

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseTokens(t *testing.T) {
	list, err := parseTokens("# who\r\n\r\n" + tokenFile + " \tindented-0123456789== \t read # x\r\n")
	if err != nil {
		t.Fatal(err)
	}
	for presented, want := range map[string]role{
		readToken: mayRead, registerToken: mayRegister, operateToken: mayOperate, "indented-0123456789==": mayRead,
		"": nobody, "indented-0123456789": nobody, "#": nobody, readToken + " read": nobody,
	} {
		if got := list.find(presented).role; got != want {
			t.Errorf("%q has role %d, want %d", presented, got, want)
		}
	}
}

func TestBadTokenFiles(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "no token in it"},
		{"only comments", "# a\n \n", "no token in it"},
		{"short", operateToken + "\n" + readToken[:15], "line 2: the token has 15 characters: want at least 16"},
		{"unknown role", "\n" + readToken + " admin", "line 2: unknown role behind the token: want read, register or operate"},
		{"role in capitals", readToken + " Read", "line 1: unknown role"},
		{"comment without a space before it", readToken + " operate#x", "line 1: unknown role"},
		{"three words", readToken + " read " + operateToken, "line 1: 3 words: want TOKEN [ROLE]"},
		{"bad character", readToken + "é", "line 1: the token has a character that a header cannot carry"},
		{"= in the middle", "0123456789=0123456789", "line 1: the token has a character that a header cannot carry"},
		{"twice", readToken + "\n# x\n" + readToken + " read", "line 3: the same token as on line 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := writeFile(t, t.TempDir(), "tokens", test.text)
			_, err := Load(Settings{TokenFile: file})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), file) {
				t.Fatalf("error %v, want %q and the file in it", err, test.want)
			}
			for _, secret := range []string{readToken[:10], operateToken[:10], "0123456789"} {
				if strings.Contains(strings.ReplaceAll(err.Error(), file, ""), secret) {
					t.Errorf("the error tells a token: %v", err)
				}
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		if _, err := Load(Settings{TokenFile: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("huge", func(t *testing.T) {
		file := writeFile(t, t.TempDir(), "tokens", strings.Repeat("#", maxTokenFile)+"\n")
		if _, err := Load(Settings{TokenFile: file}); err == nil || !strings.Contains(err.Error(), "want at most") {
			t.Errorf("error %v", err)
		}
	})
}

func FuzzTokenFile(f *testing.F) {
	for _, seed := range []string{tokenFile, "", "#", "0123456789abcdef", "0123456789abcdef operate # x\n", "0123456789abcdef\x00", "a b c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseTokens(text)
		if err != nil {
			for word := range strings.FieldsSeq(text) {
				if len(word) >= minToken && strings.Contains(err.Error(), word) {
					t.Fatalf("the error tells %q: %v", word, err)
				}
			}
			return
		}
		found := 0
		for word := range strings.FieldsSeq(text) {
			if list.find(word).role != nobody {
				found++
			}
		}
		if len(list) == 0 || found < len(list) {
			t.Fatalf("%d tokens, %d found", len(list), found)
		}
	})
}
