package api

// Explanation is an answer with the reasons for it.
type Explanation struct {
	Name          string          `json:"name" doc:"that was asked for"`
	Pool          string          `json:"pool"`
	Type          string          `json:"type" enum:"A,AAAA"`
	Client        string          `json:"client" doc:"an address or a network"`
	Region        string          `json:"region,omitempty" doc:"the client's"`
	Without       string          `json:"without,omitempty" doc:"the member that was left out"`
	Policy        string          `json:"policy"`
	AllDown       bool            `json:"all_down" doc:"fewer than min_up are eligible"`
	EligibleCount int             `json:"eligible"`
	MinUp         int             `json:"min_up"`
	Answer        ExplainAnswer   `json:"answer"`
	Draws         int             `json:"draws" doc:"the number of answers that the members' shares were counted in"`
	Members       []ExplainMember `json:"members"`
}

// ExplainAnswer is one answer that the client would get.
type ExplainAnswer struct {
	RCode     string   `json:"rcode" doc:"such as NOERROR"`
	TTL       uint32   `json:"ttl" doc:"in seconds"`
	Addresses []string `json:"addresses"`
	Scope     int      `json:"ecs_scope" doc:"for how much of the client's address the answer holds (RFC 7871), in bits"`
}

// ExplainMember says what became of one member.
type ExplainMember struct {
	ID      string  `json:"id"`
	Address string  `json:"address"`
	In      bool    `json:"in" doc:"the policy picks among it and others"`
	Stage   string  `json:"stage" doc:"where it was left out; policy or answer for those that got so far"`
	Why     string  `json:"why"`
	Share   float64 `json:"share" doc:"of the draws, those whose answer names it: 0 to 1"`
}
