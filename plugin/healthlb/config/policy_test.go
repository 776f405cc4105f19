package config

import (
	"testing"
	"time"

	"example.org/healthlb/plugin/healthlb/policy"
)

func policySpec(p *Pool) any { return p.Policy }

var rightPolicies = []right[*Pool]{
	{"", policySpec, policy.Spec{Name: "round_robin", Bits4: 24, Bits6: 56}},
	{"policy round_robin", policySpec, policy.Spec{Name: "round_robin", Bits4: 24, Bits6: 56}},
	{"policy random", policySpec, policy.Spec{Name: "random", Bits4: 24, Bits6: 56}},
	{"policy weighted", policySpec, policy.Spec{Name: "weighted", Bits4: 24, Bits6: 56}},
	{"policy failover", policySpec, policy.Spec{Name: "failover", Bits4: 24, Bits6: 56}},

	{"policy hash", policySpec, policy.Spec{Name: "hash", Bits4: 24, Bits6: 56}},
	{"policy hash bits4 0", policySpec, policy.Spec{Name: "hash", Bits4: 0, Bits6: 56}},
	{"policy hash bits6 128 bits4 32", policySpec, policy.Spec{Name: "hash", Bits4: 32, Bits6: 128}},
	{"policy hash key name", policySpec, policy.Spec{Name: "hash", Bits4: 24, Bits6: 56, ByName: true}},
	{"policy hash balance 1", policySpec, policy.Spec{Name: "hash", Bits4: 24, Bits6: 56, Factor: 1}},
	{"policy hash balance 1.25 key name", policySpec, policy.Spec{Name: "hash", Bits4: 24, Bits6: 56, ByName: true, Factor: 1.25}},
	{"policy hash balance 100.0", policySpec, policy.Spec{Name: "hash", Bits4: 24, Bits6: 56, Factor: 100}},

	{"policy least", policySpec, policy.Spec{Name: "least", Bits4: 24, Bits6: 56}},
	{"policy least report 1s", policySpec, policy.Spec{Name: "least", Bits4: 24, Bits6: 56, Report: time.Second}},
	{"policy least report 1h", policySpec, policy.Spec{Name: "least", Bits4: 24, Bits6: 56, Report: time.Hour}},

	// The bits of the address count with shard, too.
	{"shard 1", policySpec, policy.Spec{Name: "round_robin", Bits4: 24, Bits6: 56, Shard: 1}},
	{"policy random\nshard 64", policySpec, policy.Spec{Name: "random", Bits4: 24, Bits6: 56, Shard: 64}},
	{"policy hash bits4 16\nshard 2", policySpec, policy.Spec{Name: "hash", Bits4: 16, Bits6: 56, Shard: 2}},
	{"policy hash bits4 0 bits6 0\nshard 2", policySpec, policy.Spec{Name: "hash", Shard: 2}},
	{"shard off", policySpec, policy.Spec{Name: "round_robin", Bits4: 24, Bits6: 56}},
}

func TestPolicies(t *testing.T) { testRight(t, rightPolicies, onlyPool) }

// What is known of a policy here is known of a policy that there is.
func TestPolicyOptionsOfPolicies(t *testing.T) {
	for name := range policyOptions {
		if _, err := policy.New(policy.Spec{Name: name}); err != nil {
			t.Error(err)
		}
	}
}

func TestPolicyPrecedence(t *testing.T) {
	testRight(t, []right[*Pool]{
		{of("policy hash bits4 8\nshard 3", ""), policySpec, policy.Spec{Name: "hash", Bits4: 8, Bits6: 56, Shard: 3}},
		{of("policy hash bits4 8\nshard 3", "shard off"), policySpec, policy.Spec{Name: "hash", Bits4: 8, Bits6: 56}},
		{of("policy hash bits4 8\nshard 3", "shard 4"), policySpec, policy.Spec{Name: "hash", Bits4: 8, Bits6: 56, Shard: 4}},
		{of("policy hash bits4 8 key name", "policy hash"), policySpec, policy.Spec{Name: "hash", Bits4: 24, Bits6: 56}},
		{of("policy hash bits4 8\nshard 3", "policy random"), policySpec,
			policy.Spec{Name: "random", Bits4: 24, Bits6: 56, Shard: 3}},
		{of("policy hash\nshard 3", "policy random\nshard off"), policySpec, policy.Spec{Name: "random", Bits4: 24, Bits6: 56}},
		{of("shard off", "shard 2"), policySpec, policy.Spec{Name: "round_robin", Bits4: 24, Bits6: 56, Shard: 2}},
	}, lastPool)
}

func TestWrongPolicies(t *testing.T) { testWrong(t, wrongPolicies, inPool) }

const (
	hashWords  = "balance, bits4, bits6, key"
	noBalance  = "is no decimal number in range; allowed: 1 to 100, for example 1.25"
	noShard    = "is no number of members; write a number from 1 to 64, or off"
	noDuration = "is no duration; write a number and its unit, for example 500ms, 5s, 2m, 1h or 1d"
)

var wrongPolicies = []wrong{
	{"policy", "4: policy: says too little; add NAME"},
	{"policy lest", "4: policy lest: is not known as a policy; did you mean least? allowed: " + policyNames},
	{"policy any", "4: policy any: is not known as a policy; allowed: " + policyNames},
	{"policy off", "4: policy off: is not known as a policy; allowed: " + policyNames},
	{"policy roundrobin",
		"4: policy roundrobin: is not known as a policy; did you mean round_robin? allowed: " + policyNames},
	{"policy random\npolicy hash", "5: policy: was said before, at Testfile:4; say it once"},

	{"policy round_robin bits4 8", "4: policy round_robin bits4: is one word too many; policy round_robin has no options"},
	{"policy random bits4 8", "4: policy random bits4: is one word too many; policy random has no options"},
	{"policy weighted balance 2", "4: policy weighted balance: is one word too many; policy weighted has no options"},
	{"policy failover report 1s", "4: policy failover report: is one word too many; policy failover has no options"},

	{"policy hash slots 5", "4: policy hash slots: is not known in policy hash; allowed: " + hashWords},
	{"policy hash report 5s", "4: policy hash report: is not known in policy hash; allowed: " + hashWords},
	{"policy hash bit4 5", "4: policy hash bit4: is not known in policy hash; did you mean bits4? allowed: " + hashWords},
	{"policy hash bits4", "4: policy hash bits4: says too little; add N"},
	{"policy hash bits4 33", "4: policy hash bits4 33: is no number in range; allowed: 0 to 32"},
	{"policy hash bits4 /24", "4: policy hash bits4 /24: is no number in range; allowed: 0 to 32"},
	{"policy hash bits4 -1", "4: policy hash bits4 -1: is no number in range; allowed: 0 to 32"},
	{"policy hash bits4 8 bits4 8", "4: policy hash bits4 8 bits4: was said before, at Testfile:4; say it once"},
	{"policy hash bits6 129", "4: policy hash bits6 129: is no number in range; allowed: 0 to 128"},
	{"policy hash key", "4: policy hash key: says too little; add name"},
	{"policy hash key port", "4: policy hash key port: is not known as what a client is known by; allowed: name"},
	{"policy hash key name name", "4: policy hash key name name: is not known in policy hash; allowed: " + hashWords},
	{"policy hash balance", "4: policy hash balance: says too little; add FACTOR"},
	{"policy hash balance 0.99", "4: policy hash balance 0.99: " + noBalance},
	{"policy hash balance 100.1", "4: policy hash balance 100.1: " + noBalance},
	{"policy hash balance 0", "4: policy hash balance 0: " + noBalance},
	{"policy hash balance NaN", "4: policy hash balance NaN: " + noBalance},
	{"policy hash balance Inf", "4: policy hash balance Inf: " + noBalance},
	{"policy hash balance 1e1", "4: policy hash balance 1e1: " + noBalance},
	{"policy hash balance 0x2", "4: policy hash balance 0x2: " + noBalance},
	{"policy hash balance 1_0", "4: policy hash balance 1_0: " + noBalance},
	{"policy hash balance +2", "4: policy hash balance +2: " + noBalance},
	{"policy hash balance -2", "4: policy hash balance -2: " + noBalance},
	{"policy hash balance 2.", "4: policy hash balance 2.: " + noBalance},
	{"policy hash balance .2", "4: policy hash balance .2: " + noBalance},
	{"policy hash balance 1.2.3", "4: policy hash balance 1.2.3: " + noBalance},
	{"policy hash balance 1,25", "4: policy hash balance 1,25: " + noBalance},
	{"policy hash balance 125%", "4: policy hash balance 125%: " + noBalance},
	{`policy hash balance ""`, `4: policy hash balance "": ` + noBalance},

	{"policy least bits4 8", "4: policy least bits4: is not known in policy least; allowed: report"},
	{"policy least report", "4: policy least report: says too little; add a duration, for example 5s"},
	{"policy least report 999ms", "4: policy least report 999ms: is out of range; allowed: 1s to 1h"},
	{"policy least report 61m", "4: policy least report 61m: is out of range; allowed: 1s to 1h"},
	{"policy least report off", "4: policy least report off: " + noDuration},
	{"policy least report 1s report 1s", "4: policy least report 1s report: was said before, at Testfile:4; say it once"},

	{"shard", "4: shard: says too little; add K"},
	{"shard 0", "4: shard 0: " + noShard},
	{"shard 65", "4: shard 65: " + noShard},
	{"shard 10%", "4: shard 10%: " + noShard},
	{"shard 2 3", "4: shard 2 3: is one word too many; leave it out, or put words that belong together in double quotes"},
	{"shard off\nshard 2", "5: shard: was said before, at Testfile:4; say it once"},
}
