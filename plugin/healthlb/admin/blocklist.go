package admin

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.org/healthlb/api"
	"example.org/healthlb/plugin/healthlb/block"
)

func (s *service) blocklistCalls() {
	const path = "/v1/blocklist"
	form := content(mediaJSON, schemaOf[[]api.Block](s))
	form[mediaText] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: "one entry a line: " +
		"ADDR|CIDR [pool=NAME] [for=D] [reason=TEXT] [owner=NAME] [mode=omit|no-register]; # begins a comment"}}
	tag := map[string]string{"ETag": "of the list, for If-Match"}
	answers(s, call{
		method: http.MethodGet, path: path, id: "getBlocklist",
		summary: "Show the block list", text: "If-None-Match is honoured for JSON.", produces: form, headers: tag, fails: []int{http.StatusNotModified},
	}, (*service).getBlocklist)
	for _, change := range []struct {
		method, id, summary string
		op                  BlockOp
	}{
		{http.MethodPut, "replaceBlocklist", "Replace the block list", BlockReplace},
		{http.MethodPost, "addBlocks", "Add entries to the block list, each in the place of the one with its address, pool and owner", BlockAdd},
	} {
		ask(s, call{
			method: change.method, path: path, id: change.id, summary: change.summary, text: "If-Match is honoured.",
			query: []parameter{dryRun, force}, body: &listBody, accepts: form, headers: tag,
			fails: []int{http.StatusConflict, http.StatusPreconditionFailed},
		}, func(s *service, r *request) (api.Effect, error) { return s.writeBlocklist(r, change.op) })
	}
	ask(s, call{
		method: http.MethodDelete, path: path + "/{prefix}", id: "deleteBlock",
		summary: "Remove the entries of an address or a network",
		text:    "Those for all pools, or those of one. The slash of a network may be written as it is, or as %2F. If-Match is honoured.",
		query: []parameter{dryRun, force, {name: "pool", doc: "the pool that they are for; without it, those for all pools"},
			{name: ownerOf.name, doc: "remove only this owner's, and nobody's; somebody else's are touched with force only"}},
		headers: tag, fails: []int{http.StatusConflict, http.StatusPreconditionFailed},
	}, (*service).deleteBlock)
}

// getBlocklist answers with the list in JSON, or in the text form when the caller likes that better.
func (s *service) getBlocklist(r *request) error {
	known, err := parseTags(r.Header, "If-None-Match")
	if err != nil {
		return err
	}
	entries, etag := s.backend.Blocklist()
	r.to.Header().Set("ETag", etag)
	r.to.Header().Set("Vary", "Accept")
	if r.wants(mediaText, mediaJSON) { // never a 304: the text says what is left of each expiry, which the ETag does not tell
		r.to.Header().Set("Content-Type", mediaText+"; charset=utf-8")
		_, err := r.to.Write(block.FormatText(entries, time.Now()))
		return err
	}
	if hasTag(known, etag) {
		r.to.WriteHeader(http.StatusNotModified)
		return nil
	}
	if entries == nil {
		entries = []block.Entry{}
	}
	respond(r.to, http.StatusOK, mediaJSON, entries)
	return nil
}

// writeBlocklist carries out a change whose entries are in the body.
func (s *service) writeBlocklist(r *request, op BlockOp) (api.Effect, error) {
	change, err := newChange(r, op)
	if err != nil {
		return api.Effect{}, err
	}
	parse := block.ParseText
	if r.form == mediaJSON {
		parse = block.ParseJSON
	}
	if change.Entries, err = parse(r.body, time.Now()); err != nil {
		return api.Effect{}, NewProblem(http.StatusBadRequest, "%v", err)
	}
	return s.change(r, change)
}

// deleteBlock removes the entries of one address or network, those for all pools or those of one.
func (s *service) deleteBlock(r *request) (api.Effect, error) {
	change, err := newChange(r, BlockRemove)
	if err != nil {
		return api.Effect{}, err
	}
	if change.Remove.Prefix, err = block.ParsePrefix(r.PathValue("prefix")); err != nil {
		return api.Effect{}, NewProblem(http.StatusBadRequest, "%v", err)
	}
	if pool, given := r.query["pool"]; given {
		if change.Remove.Pool, err = block.ParsePool(pool); err != nil {
			return api.Effect{}, NewProblem(http.StatusBadRequest, "%v", err)
		}
	}
	if change.Remove.Owner, change.ByOwner, err = r.owner(); err != nil {
		return api.Effect{}, err
	}
	return s.change(r, change)
}

// newChange reads what all changes have in common.
func newChange(r *request, op BlockOp) (BlockChange, error) {
	tags, err := parseTags(r.Header, "If-Match")
	return BlockChange{Op: op, Order: r.order(), IfMatch: strong(tags)}, err
}

// change has the backend carry out a change, and answers with its effect.
func (s *service) change(r *request, c BlockChange) (api.Effect, error) {
	effect, err := s.backend.ChangeBlocklist(c)
	if err != nil {
		return api.Effect{}, err
	}
	if !effect.DryRun && effect.ETag != "" { // the list of a dry run exists nowhere
		r.to.Header().Set("ETag", effect.ETag)
	}
	return complete(effect), nil
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
