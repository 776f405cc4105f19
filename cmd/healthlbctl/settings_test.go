package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"example.org/healthlb/api"
)

// resolve finds the settings for a command line.
func (c *console) resolve(args ...string) (*settings, error) {
	flags := pflag.NewFlagSet("healthlbctl", pflag.ContinueOnError)
	addSettings(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return c.settings(flags)
}

// A flag counts before the environment, that before the file, and that before the default.
func TestPrecedence(t *testing.T) {
	for _, c := range []struct {
		name           string
		flag, env, own string
		system         string
		want           string
	}{
		{name: "nothing", want: "10s"},
		{name: "system's file", system: "timeout: 4s", want: "4s"},
		{name: "own file alone", own: "timeout: 3s", system: "timeout: 4s", want: "3s"},
		{name: "files are not put together", own: "output: json", system: "timeout: 4s", want: "10s"},
		{name: "environment", env: "2s", own: "timeout: 3s", want: "2s"},
		{name: "flag", flag: "1s", env: "2s", own: "timeout: 3s", want: "1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			console := newConsole(t, nil)
			console.env["HEALTHLB_TIMEOUT"] = c.env
			if c.own != "" {
				writeFile(t, filepath.Join(console.env["HOME"], ".config/healthlb/ctl.yaml"), c.own)
			}
			if c.system != "" {
				writeFile(t, console.systemConfig, c.system)
			}
			var args []string
			if c.flag != "" {
				args = []string{"--timeout", c.flag}
			}
			s, err := console.resolve(args...)
			if err != nil {
				t.Fatal(err)
			}
			if want, _ := time.ParseDuration(c.want); s.timeout != want {
				t.Errorf("got %s, want %s", s.timeout, want)
			}
		})
	}
}

// --config counts before HEALTHLB_CONFIG, that before XDG_CONFIG_HOME, and that before ~/.config.
func TestPlaces(t *testing.T) {
	console := newConsole(t, nil)
	home := console.env["HOME"]
	flag := writeFile(t, filepath.Join(home, "flag.yaml"), "owner: flag")
	env := writeFile(t, filepath.Join(home, "env.yaml"), "owner: env")
	writeFile(t, filepath.Join(home, "xdg/healthlb/ctl.yaml"), "owner: xdg")
	writeFile(t, filepath.Join(home, ".config/healthlb/ctl.yaml"), "owner: home")
	for _, c := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{nil, nil, "home"},
		{map[string]string{"XDG_CONFIG_HOME": "xdg"}, nil, "home"}, // a relative one does not count
		{map[string]string{"XDG_CONFIG_HOME": filepath.Join(home, "xdg")}, nil, "xdg"},
		{map[string]string{"XDG_CONFIG_HOME": filepath.Join(home, "xdg"), "HEALTHLB_CONFIG": env}, nil, "env"},
		{map[string]string{"HEALTHLB_CONFIG": env}, []string{"--config", flag}, "flag"},
	} {
		console.configured = nil
		console.env = map[string]string{"HOME": home}
		for name, value := range c.env {
			console.env[name] = value
		}
		s, err := console.resolve(c.args...)
		if err != nil || s.owner != c.want {
			t.Errorf("%v %v: got %+v, %v, want %s", c.env, c.args, s, err, c.want)
		}
	}
}

func TestConfigFile(t *testing.T) {
	console := newConsole(t, nil)
	delete(console.env, "HEALTHLB_OWNER")
	file := writeFile(t, filepath.Join(console.env["HOME"], "ctl.yaml"),
		"# mine\nserver: unix:/run/healthlb.sock\ntoken_file: token\nca_file: /etc/ca.pem\ncert_file: a.pem\nkey_file: a.key\ntimeout: 1m\noutput: yaml\nowner: alice\n")
	s, err := console.resolve("--config", file)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(file)
	want := settings{
		server: "unix:/run/healthlb.sock", tokenFile: filepath.Join(folder, "token"), caFile: "/etc/ca.pem", certFile: filepath.Join(folder, "a.pem"),
		keyFile: filepath.Join(folder, "a.key"), timeout: time.Minute, output: "yaml", owner: "alice",
	}
	if *s != want {
		t.Errorf("got %+v, want %+v", *s, want)
	}
}

func TestConfigErrors(t *testing.T) {
	const all = "want server, token_file, ca_file, cert_file, key_file, timeout, output or owner"
	for _, c := range []struct{ content, want string }{
		{"server: http://x\nservr: y\n", `FILE:2: the word "servr" is unknown: ` + all},
		{"timeout: 5\n", "FILE:1: timeout wants a text, such as timeout: 10s"},
		{"owner: [a]\n", "FILE:1: owner wants a text, such as owner: alice"},
		{"\ntimeout: soon\n", `FILE:2: timeout: "soon" is no time for a request: want a number with a unit such as 10s, more than 0 and at most 1h`},
		{"output: xml\n", `FILE:1: output: there is no output "xml": want table, json, yaml`},
		{"server: a\nserver: b\n", `FILE: yaml: unmarshal errors: line 2: key "server" already set in map`},
		{"- a\n", "FILE: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}"},
		{"cert_file: a.pem\n", "a certificate needs its key"},
		{strings.Repeat("#", maxConfig+1), "has 65537 bytes: want at most 65536"},
	} {
		console := newConsole(t, nil)
		file := writeFile(t, filepath.Join(console.env["HOME"], "ctl.yaml"), c.content)
		o := console.do("pools", "--config", file)
		if o.code != 2 || !strings.Contains(o.err, strings.ReplaceAll(c.want, "FILE", file)) {
			t.Errorf("%q: got %+v, want %s", c.content, o, c.want)
		}
	}
	if o := ctl(t, nil, "pools", "--config", "/nonexistent.yaml"); o.code != 2 || !strings.Contains(o.err, "no such file") {
		t.Errorf("got %+v", o)
	}
}

// What is said counts for the request: the token, and who asks.
func TestToken(t *testing.T) {
	f := newFake(t)
	f.do("GET /pools", func(r *http.Request, _ []byte) (int, any) {
		if got := r.Header.Get("Authorization"); got != "Bearer 0123456789abcdef" {
			t.Errorf("showed %q", got)
		}
		if got := r.Header.Get("User-Agent"); !strings.HasPrefix(got, "healthlbctl/") {
			t.Errorf("came as %q", got)
		}
		return 200, []api.Pool{}
	})
	c := newConsole(t, f)
	c.env["HEALTHLB_TOKEN_FILE"] = writeFile(t, filepath.Join(c.env["HOME"], "token"), "0123456789abcdef\n")
	if o := c.do("pools"); o.code != 0 {
		t.Errorf("got %+v", o)
	}
}

// The owner that nobody has said is one that the endpoint takes.
func TestMe(t *testing.T) {
	if me := newConsole(t, nil).me(); len(me) < 3 || len(me) > maxOwner || !strings.Contains(me, "@") || strings.ContainsAny(me, " \"'`\n") {
		t.Errorf("got %q", me)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("server: http://x\ntimeout: 5s\n")
	f.Add("servr: [a]\n")
	f.Add("a: &a [*a]\n")
	f.Add("\"server\": x\n? y\n")
	f.Fuzz(func(t *testing.T, content string) {
		words, err := parseConfig("/etc/ctl.yaml", []byte(content))
		if err != nil {
			if text := errorText(err); codeOf(err) != exitUsage || strings.Contains(text, "\n") || !strings.Contains(text, "/etc/ctl.yaml") {
				t.Errorf("error %q", text)
			}
			return
		}
		for word, s := range words {
			if s.text == "" || s.where == "" {
				t.Errorf("%s: %+v", word, s)
			}
		}
	})
}

// What comes from elsewhere cannot steer a terminal.
func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[31m\nb\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		if got := printable(s); strings.ContainsAny(got, "\x1b\n\r\x07\x00\u202e\u009b") {
			t.Errorf("%q became %q", s, got)
		}
	})
}
