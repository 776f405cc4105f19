package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// settings are what the command is told beside its errand.
type settings struct {
	server, tokenFile, caFile, certFile, keyFile string
	timeout                                      time.Duration // of one request
	output                                       string
	owner                                        string
}

// setting is a word that can be said by a flag, by a variable of the environment or in the configuration file. Whichever comes first in
// this order counts.
type setting struct {
	word     string // in the file; the flag has - for _, and the variable is in upper case behind HEALTHLB_
	short    string // of the flag
	fallback string
	path     bool // of a file: in the configuration file it is relative to that
	usage    string
}

var allSettings = []setting{
	{word: "server", fallback: "http://127.0.0.1:8053", usage: "the admin endpoint: http://HOST:PORT, https://HOST:PORT or unix:PATH"},
	{word: "token_file", path: true, usage: "a file with the token to show"},
	{word: "ca_file", path: true, usage: "a file with the certificates that the server's is verified with, instead of the system's"},
	{word: "cert_file", path: true, usage: "a file with the certificate to show"},
	{word: "key_file", path: true, usage: "a file with the key of that certificate"},
	{word: "timeout", fallback: "10s", usage: "for one request, such as 10s"},
	{word: "output", short: "o", fallback: "table", usage: "table, json or yaml"},
	{word: "owner", usage: "who gives the orders; USER@HOST if it is not said"},
}

func (s setting) flag() string     { return strings.ReplaceAll(s.word, "_", "-") }
func (s setting) variable() string { return "HEALTHLB_" + strings.ToUpper(s.word) }

// addSettings makes the flags.
func addSettings(flags *pflag.FlagSet) {
	flags.String("config", "", "the configuration file (HEALTHLB_CONFIG)")
	for _, s := range allSettings {
		flags.StringP(s.flag(), s.short, s.fallback, s.usage+" ("+s.variable()+")")
	}
}

// said is what was said, and where.
type said struct{ text, where string }

// settings finds out what counts. Where it is wrong the error names the place.
func (a *app) settings(flags *pflag.FlagSet) (*settings, error) {
	if a.configured != nil {
		return a.configured, nil
	}
	inFile, err := a.readConfig(flags)
	if err != nil {
		return nil, err
	}
	words := map[string]said{}
	for _, s := range allSettings {
		flag := flags.Lookup(s.flag())
		fromFile, inTheFile := inFile[s.word]
		switch fromEnv := a.getenv(s.variable()); {
		case flag.Changed:
			words[s.word] = said{flag.Value.String(), "--" + s.flag()}
		case fromEnv != "":
			words[s.word] = said{fromEnv, s.variable()}
		case inTheFile:
			words[s.word] = fromFile
		default:
			words[s.word] = said{text: s.fallback}
		}
	}
	c := &settings{
		server: words["server"].text, tokenFile: words["token_file"].text, caFile: words["ca_file"].text,
		certFile: words["cert_file"].text, keyFile: words["key_file"].text, output: words["output"].text, owner: words["owner"].text,
	}
	timeout := words["timeout"]
	if c.timeout, err = time.ParseDuration(timeout.text); err != nil || c.timeout <= 0 || c.timeout > time.Hour {
		return nil, usage("%s: %q is no time for a request: want a number with a unit such as 10s, more than 0 and at most 1h",
			timeout.where, timeout.text)
	}
	if !slices.Contains(outputs, c.output) {
		return nil, usage("%s: there is no output %q: want %s", words["output"].where, c.output, strings.Join(outputs, ", "))
	}
	if (c.certFile == "") != (c.keyFile == "") {
		return nil, usage("a certificate needs its key: want both cert_file and key_file, or none of them")
	}
	if c.owner == "" {
		c.owner = a.me()
	}
	a.configured = c
	return c, nil
}

// readConfig reads the configuration file, if there is one.
func (a *app) readConfig(flags *pflag.FlagSet) (map[string]said, error) {
	if named, _ := flags.GetString("config"); named != "" {
		return readConfigFile(named)
	}
	if named := a.getenv("HEALTHLB_CONFIG"); named != "" {
		return readConfigFile(named)
	}
	for _, file := range a.configFiles() {
		words, err := readConfigFile(file)
		if !errors.Is(err, fs.ErrNotExist) {
			return words, err
		}
	}
	return nil, nil
}

// configFiles are the places where a configuration is looked for; the first one counts.
func (a *app) configFiles() (files []string) {
	folder := a.getenv("XDG_CONFIG_HOME")
	if home := a.getenv("HOME"); !filepath.IsAbs(folder) && home != "" { // relative ones do not count, says the XDG specification
		folder = filepath.Join(home, ".config")
	}
	if filepath.IsAbs(folder) {
		files = append(files, filepath.Join(folder, "healthlb", "ctl.yaml"))
	}
	return append(files, a.systemConfig)
}

// maxConfig is the largest configuration file read, in bytes. A whole one has some 300.
const maxConfig = 64 << 10

func readConfigFile(file string) (map[string]said, error) {
	if file == os.DevNull {
		return nil, nil
	}
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", file)
	}
	if err == nil && info.Size() > maxConfig {
		err = fmt.Errorf("%s has %d bytes: want at most %d", file, info.Size(), maxConfig)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, usage("configuration: %w", err)
	}
	return parseConfig(file, data)
}

// parseConfig reads the words of a configuration file.
func parseConfig(file string, data []byte) (map[string]said, error) {
	var content map[string]any
	if err := yaml.UnmarshalStrict(data, &content); err != nil {
		return nil, usage("configuration %s: %s", file, oneLine(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")))
	}
	words := map[string]said{}
	for _, word := range slices.Sorted(maps.Keys(content)) {
		where := "configuration " + file + lineOf(data, word)
		i := slices.IndexFunc(allSettings, func(s setting) bool { return s.word == word })
		if i < 0 {
			return nil, usage("%s: the word %q is unknown: want %s", where, word, settingWords())
		}
		text, isText := content[word].(string)
		if !isText || text == "" {
			return nil, usage("%s: %s wants a text, such as %s: %s", where, word, word, example(allSettings[i]))
		}
		if allSettings[i].path && !filepath.IsAbs(text) {
			text = filepath.Join(filepath.Dir(file), text)
		}
		words[word] = said{text, where + ": " + word}
	}
	return words, nil
}

// lineOf finds the line of a file that a word begins, for a message.
func lineOf(data []byte, word string) string {
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		if before, _, found := strings.Cut(line, ":"); found && strings.Trim(strings.TrimSpace(before), `"'`) == word {
			return ":" + strconv.Itoa(number)
		}
	}
	return ""
}

func settingWords() string {
	var words []string
	for _, s := range allSettings {
		words = append(words, s.word)
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func example(s setting) string {
	switch {
	case s.fallback != "":
		return s.fallback
	case s.path:
		return "/etc/healthlb/" + strings.TrimSuffix(s.word, "_file") + ".pem"
	}
	return "alice"
}
