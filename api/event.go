package api

import "time"

// Event is something that happened.
type Event struct {
	ID      uint64    `json:"id" doc:"later ones have larger ones, over restarts too"`
	Time    time.Time `json:"time"`
	Type    string    `json:"type" enum:"transition,block,unblock,drain,undrain,member_added,member_changed,member_removed,pool_added,pool_changed,pool_removed,registered,left,lapsed,rollout,reload,isolation,stale,certificate,gap" doc:"gap: events between this one and the one before it are lost"`
	Pool    string    `json:"pool,omitempty"`
	Member  string    `json:"member,omitempty"`
	Family  string    `json:"family,omitempty" enum:"A,AAAA"`
	Address string    `json:"address,omitempty" doc:"an address or a network"`
	From    string    `json:"from,omitempty" doc:"the state of before"`
	To      string    `json:"to,omitempty" doc:"the state of now"`
	Reason  string    `json:"reason,omitempty"`
	Owner   string    `json:"owner,omitempty" doc:"who gave the order, by his own word"`
	By      string    `json:"by,omitempty" doc:"who asked, as the endpoint knows him; missing: nobody did"`
	Text    string    `json:"text" doc:"all of it in a line for people"`
}
