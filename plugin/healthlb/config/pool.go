package config

import "example.org/healthlb/plugin/healthlb/pool"

// poolText is what the lines of a pool say.
type poolText struct {
	settings
	members []member
	files   []dataFile
}

var poolDirectives = func() table[poolText] {
	tb := lift(settingDirectives, func(p *poolText) *settings { return &p.settings })
	tb["member"] = directive[poolText]{many: true, parse: func(a *args, p *poolText) error {
		m, err := parseMember(a)
		p.members = append(p.members, m)
		return err
	}}
	tb["members"] = directive[poolText]{many: true, parse: func(a *args, p *poolText) error {
		return membersFiles.parse(a, &p.files)
	}}
	return tb
}()

// readPool turns the line of a pool into the pool, with what its block says as defaults.
func (r *blockReader) readPool(l line) (Pool, error) {
	a := &args{line: l, dir: r.dir, next: 1}
	name, err := take(a, "the pool's NAME", parsePoolName)
	if err != nil {
		return Pool{}, err
	}
	if err := a.end(); err != nil {
		return Pool{}, err
	}
	if !l.hasBlock {
		return Pool{}, a.fail(fault{"has no braces", "write its lines in { and }, at least one member"})
	}
	p := Pool{Where: l.at.String(), at: l.at}
	p.Name = name
	if p.Zone = r.zones.of(name); p.Zone == "" {
		return Pool{}, a.fail(r.zones.outside(name))
	}
	if at, known := r.pools[name]; known {
		return Pool{}, a.fail(sameName(at))
	}
	r.pools[name] = l.at

	text := poolText{members: make([]member, 0, len(l.block))}
	if err := poolDirectives.lines(l.block, r.dir, "in a pool", &text); err != nil {
		return Pool{}, err
	}
	s := text.settings.over(&r.settings)
	if p.Dynamic = s.dynamic.ok(); !p.Dynamic && len(text.members) == 0 && len(text.files) == 0 {
		return Pool{}, a.fail(fault{"has no member", "add a line: member ADDR, or dynamic if members are to come at run time"})
	}
	if err := r.mayExec(text.checks); err != nil {
		return Pool{}, err
	}
	if s.prefer.v.Region && !r.places.any() {
		return Pool{}, s.prefer.at.fail("prefer region", needsPlaces)
	}
	if err := p.apply(&s, r.checks); err != nil {
		return Pool{}, err
	}
	p.Region = r.region.v
	return p, p.setMembers(&text)
}

// sameName is the fault of a pool whose name another one has.
func sameName(at pos) fault {
	return fault{"is the name of the pool at " + at.String(), "put the members together in one pool"}
}

// needsPlaces is the fault of a preference for what nothing is known of.
var needsPlaces = fault{
	"is said, but not where clients are",
	"add to the healthlb block: place REGION CIDR..., or places FILE, or place geoip continent, or place geoip country",
}

// apply fills in everything but the members.
func (p *Pool) apply(s *settings, cache checkCache) error {
	var err error
	if p.Interval, p.Timeout, p.Confirm, err = s.timing(); err != nil {
		return err
	}
	thresholds, lives := s.failures.or(defaultFailures), s.ttl.or(defaultTTL)
	p.Min, p.Max, p.Rise = thresholds.min, thresholds.max, s.rise.or(defaultRise)
	p.TTL, p.LowTTL = lives.normal, lives.low
	p.Policy, p.Prefer, p.FadeIn = s.policySpec(), s.prefer.v, s.fadeIn.v
	p.Answers = s.answers.or(defaultAnswers(p.Policy))
	p.AllDown = s.allDown.or(pool.AllDown{Mode: pool.AllDownAll})
	p.MinUp = s.minUp.or(pool.MinUp{N: 1})
	p.ECS = s.ecs
	p.Flap, p.Tripwire, p.Source = s.flap.or(defaultFlap), s.tripwire.v, s.source.v
	if err := p.checkBudget(s.budget); err != nil {
		return err
	}
	return p.buildChecks(s.checks, cache)
}

// setMembers sets the members that the pool's lines and files say, in that order.
func (p *Pool) setMembers(text *poolText) (err error) {
	p.MembersFiles = names(text.files)
	if p.Members, err = p.gather(text.members, text.files); err != nil || len(text.files) == 0 {
		return err
	}
	p.own, p.files = text.members, text.files
	for i := range p.own {
		p.own[i].words = nil // right as they are; they would keep the words of the whole Corefile
	}
	return nil
}
