package config

import (
	"net/url"
	"strings"
)

var onChangeDirectives = table[OnChange]{
	"secret": {parse: func(a *args, o *OnChange) (err error) {
		o.SecretFile, err = a.file("FILE")
		return err
	}},
	"ca": {parse: func(a *args, o *OnChange) (err error) {
		if o.CAFile, err = a.file("FILE"); err == nil && strings.HasPrefix(o.URL, "http:") {
			err = a.fail(fault{"says whose certificate to trust, but http has none", "leave ca out, or write an https URL"})
		}
		return err
	}},
}

// parseOnChange parses URL [OPTIONS].
func parseOnChange(a *args) (*OnChange, error) {
	to, err := take(a, "URL", parsePostURL)
	if err != nil {
		return nil, err
	}
	o := &OnChange{URL: to}
	return o, onChangeDirectives.options(a, "in an on_change line", o)
}

// parsePostURL returns a URL that events can be posted to, with its scheme and host in lower case.
func parsePostURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") {
		return "", fault{"is no URL to post to", "write http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH]"}
	}
	if u.User != nil {
		return "", fault{"has a user in it", "leave out what is before the @; the receiver knows posts by their signature: add secret FILE"}
	}
	if strings.Contains(s, "#") {
		return "", fault{"has a fragment, which is never sent", "leave out the # and what follows"}
	}
	if strings.ContainsFunc(s, misread) {
		return "", fault{"has a space or an invisible letter in it", "write it as % and two hexadecimal digits for each byte, such as %20"}
	}
	if _, err := parseHost(u.Hostname()); err != nil {
		return "", err
	}
	if port := u.Port(); port != "" {
		if _, err := parsePort(port); err != nil {
			return "", err
		}
	}
	u.Host = strings.ToLower(u.Host)
	return u.String(), nil
}
