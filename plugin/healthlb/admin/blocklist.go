package admin

import (
	"net/http"
	"time"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
)

// getBlocklist answers with the list in JSON, or in the text form when the caller likes that better.
func (s *service) getBlocklist(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	known, err := parseTags(r.Header, "If-None-Match")
	if err != nil {
		return err
	}
	entries, etag := s.backend.Blocklist()
	w.Header().Set("ETag", etag)
	w.Header().Set("Vary", "Accept")
	if wantsText(r.Header) { // never a 304: the text says what is left of each expiry, which the ETag does not tell
		write(w, http.StatusOK, mediaText+"; charset=utf-8", block.FormatText(entries, time.Now()))
		return nil
	}
	if hasTag(known, etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if entries == nil {
		entries = []block.Entry{}
	}
	return respond(w, entries)
}

func (s *service) putBlocklist(w http.ResponseWriter, r *http.Request) error {
	return s.writeBlocklist(w, r, BlockReplace)
}

func (s *service) postBlocklist(w http.ResponseWriter, r *http.Request) error {
	return s.writeBlocklist(w, r, BlockAdd)
}

// writeBlocklist carries out a change whose entries are in the body.
func (s *service) writeBlocklist(w http.ResponseWriter, r *http.Request, op BlockOp) error {
	query, err := parseQuery(r, "dry_run", "force")
	if err != nil {
		return err
	}
	change, err := newChange(r, op, query)
	if err != nil {
		return err
	}
	body, form, err := listBody.read(w, r)
	if err != nil {
		return err
	}
	parse := block.ParseText
	if form == mediaJSON {
		parse = block.ParseJSON
	}
	if change.Entries, err = parse(body, time.Now()); err != nil {
		return NewProblem(http.StatusBadRequest, "%v", err)
	}
	return s.change(w, change)
}

// deleteBlock removes the entries of one address or network, those for all pools or those of one.
func (s *service) deleteBlock(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r, "dry_run", "force", "pool")
	if err != nil {
		return err
	}
	change, err := newChange(r, BlockRemove, query)
	if err != nil {
		return err
	}
	if change.Remove.Prefix, err = block.ParsePrefix(r.PathValue("prefix")); err != nil {
		return NewProblem(http.StatusBadRequest, "%v", err)
	}
	if pool, given := query["pool"]; given {
		if change.Remove.Pool, err = block.ParsePool(pool); err != nil {
			return NewProblem(http.StatusBadRequest, "%v", err)
		}
	}
	return s.change(w, change)
}

// newChange reads what all changes have in common.
func newChange(r *http.Request, op BlockOp, query map[string]string) (c BlockChange, err error) {
	c = BlockChange{Op: op, Order: Order{By: caller(r)}}
	if c.DryRun, err = parseFlag(query, "dry_run"); err != nil {
		return c, err
	}
	if c.Force, err = parseFlag(query, "force"); err != nil {
		return c, err
	}
	tags, err := parseTags(r.Header, "If-Match")
	c.IfMatch = strong(tags)
	return c, err
}

// change has the backend carry out a change, and answers with its effect.
func (s *service) change(w http.ResponseWriter, c BlockChange) error {
	effect, err := s.backend.ChangeBlocklist(c)
	if err != nil {
		return err
	}
	if !effect.DryRun && effect.ETag != "" { // the list of a dry run exists nowhere
		w.Header().Set("ETag", effect.ETag)
	}
	return respond(w, complete(effect))
}

// complete makes empty lists of missing ones, as callers expect an array.
func complete(effect api.Effect) api.Effect {
	if effect.Pools == nil {
		effect.Pools = []api.FamilyEffect{}
	}
	if effect.Addresses == nil {
		effect.Addresses = []api.AddressEffect{}
	}
	return effect
}
