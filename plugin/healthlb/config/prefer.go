package config

import (
	"time"

	"example.org/healthlb/plugin/healthlb/pool"
)

var preferDirectives = table[pool.Prefer]{
	"min": {parse: func(a *args, p *pool.Prefer) (err error) {
		p.Min, err = take(a, "N", numberIn(1, maxCount))
		return err
	}},
}

// parsePrefer parses region [min N], or off.
func parsePrefer(a *args) (pool.Prefer, error) {
	region, err := take(a, "region or off", func(s string) (bool, error) {
		if s != "region" && s != off {
			return false, unknown(s, "as what to prefer", []string{off, "region"})
		}
		return s == "region", nil
	})
	if err != nil || !region {
		return pool.Prefer{}, err
	}
	p := pool.Prefer{Region: true, Min: 1}
	return p, preferDirectives.options(a, "in a prefer line", &p)
}

var fadeInDirectives = table[pool.FadeIn]{
	"exponent": {parse: func(a *args, f *pool.FadeIn) (err error) {
		f.Exponent, err = take(a, "E", decimalIn(0.1, 10))
		return err
	}},
}

// parseFadeIn parses D [exponent E], or off.
func parseFadeIn(a *args) (pool.FadeIn, error) {
	over, err := take(a, aDuration+", or off", func(s string) (time.Duration, error) {
		if s == off {
			return 0, nil
		}
		return durationIn(time.Second, day)(s)
	})
	if err != nil || over == 0 {
		return pool.FadeIn{}, err
	}
	f := pool.FadeIn{Over: over, Exponent: 1}
	return f, fadeInDirectives.options(a, "in a fade_in line", &f)
}
