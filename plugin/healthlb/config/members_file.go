package config

import "example.org/healthlb/plugin/healthlb/pool"

// membersFiles are what members lines name: lines like those of the Corefile, without the word member. A line may be many times what a
// member can need; a file may hold more members than DNS could ever name.
var membersFiles = &dataKind{
	word:    "members",
	size:    16 << 20,
	length:  4 << 10,
	holds:   "one member a line",
	shorten: "write one member a line",
	divide:  "split the pool",
}

// ReloadMembers reads the pool's members files again and returns the whole new list: the Corefile's own members, then those of
// each file. All of it is checked as it is at the start; on an error, which names file and line, the old list is the one to keep.
// The pool itself does not change, and without members files the list is Spec.Members.
func (p *Pool) ReloadMembers() ([]pool.Member, error) {
	if len(p.files) == 0 {
		return p.Members, nil
	}
	return p.gather(p.own, p.files)
}

func (p *Pool) gather(own []member, files []dataFile) ([]pool.Member, error) {
	all := make([]pool.Member, 0, len(own))
	r := newRoster(len(p.Checks))
	for i := range own {
		if err := r.add(&own[i]); err != nil {
			return nil, err
		}
		all = append(all, own[i].Member)
	}
	for _, f := range files {
		if err := f.read(r.reader(&all)); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 && !p.Dynamic {
		return nil, files[0].fail(fault{
			"leaves the pool " + p.Name + " without a member",
			"write one a line, for example: 192.0.2.10 port 8443",
		})
	}
	return all, nil
}

// reader returns what reads a line of a members file, takes the member into r and appends it to members.
func (r *roster) reader(members *[]pool.Member) func(*args) error {
	return func(a *args) error {
		m, err := parseMember(a)
		if err != nil {
			return err
		}
		if err := r.add(&m); err != nil {
			return err
		}
		*members = append(*members, m.Member)
		return nil
	}
}
