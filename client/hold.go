package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"example.org/healthlb/api"
)

// BlockHold is a block that lasts as long as somebody holds it.
type BlockHold struct {
	Block api.Block     // without For and Until; it must have an owner
	For   time.Duration // how long it is held
	Force bool          // block even when that takes a pool below min_up

	OnHold    func(api.Effect) // when not nil, is told once that the block is in force
	OnTrouble func(error)      // when not nil, is told why it cannot be renewed, and nil when it can again
}

// Held is what became of a held block.
type Held struct {
	Effect      api.Effect // of the block
	Until       time.Time  // when it ends, or has ended, by itself
	Renewals    int        // that succeeded
	Lapsed      bool       // there was a time when it was not in force, as it could not be renewed
	Interrupted bool       // ctx ended before its time was over
	Taken       bool       // somebody else has removed it, or put another one in its place, before its time was over
	Removed     api.Effect // of its removal; zero when there was nothing left to remove
}

// Hold puts a block in force and keeps it there for its time, or until ctx ends, and then removes it. It ends before that when somebody else removes the block. It is a lease of a minute, renewed
// three times as often, so that it ends when the holder dies. An error is either that of the first call, with nothing in force, or that
// of the removal: then the block ends at Held.Until.
func (c *Client) Hold(ctx context.Context, h BlockHold) (Held, error) {
	key, err := h.check()
	if err != nil {
		return Held{}, err
	}
	b := &hold{c: c, h: h, key: key, end: time.Now().Add(h.For)}
	effect, err := b.put(ctx)
	if err != nil {
		if ctx.Err() == nil {
			return Held{}, err
		}
		if _, undone := b.remove(ctx); undone == nil { // it may have come through
			return Held{}, err
		}
		return Held{}, fmt.Errorf("%w; if it came through, the block ends by itself in %v", err, b.c.pace.lease)
	}
	b.held.Effect = effect
	if h.OnHold != nil {
		h.OnHold(effect)
	}
	b.held.Interrupted = !b.keep(ctx)
	b.lapse(time.Now())
	if b.held.Taken {
		return b.held, nil
	}
	if b.held.Removed, err = b.remove(ctx); err != nil {
		return b.held, fmt.Errorf("the block of %s is left to end by itself at %s: %w",
			h.Block.Address, b.held.Until.UTC().Format(time.RFC3339), err)
	}
	return b.held, nil
}

// check finds what is wrong before anybody is asked, and returns what the block is told from others by.
func (h BlockHold) check() (blockKey, error) {
	switch {
	case h.Block.Owner == "":
		return blockKey{}, errors.New("the block has no owner: want one, as it is by the owner that it is told from others and removed")
	case h.Block.For != "" || h.Block.Until != "":
		return blockKey{}, errors.New("the block says for or until itself: want the time in BlockHold.For alone")
	case h.For <= 0:
		return blockKey{}, fmt.Errorf("a block cannot be held for %v: want more than 0", h.For)
	}
	return keyOf(h.Block)
}

// hold is a block under way.
type hold struct {
	c    *Client
	h    BlockHold
	key  blockKey
	end  time.Time
	held Held
}

// put puts the block in force until its end, or for the length of a lease if that is less.
func (b *hold) put(ctx context.Context) (api.Effect, error) {
	now := time.Now()
	until := now.Add(b.c.pace.lease)
	if until.After(b.end) {
		until = b.end
	}
	effect, err := b.c.AddBlocks(ctx, b.entry(max(until.Sub(now), time.Millisecond)), Options{Force: b.h.Force})
	if err == nil {
		b.lapse(now)
		b.held.Until = until
	}
	return effect, err
}

// errTaken ends a hold whose block is not there any more.
var errTaken = errors.New("the block has been removed, or replaced, by somebody else")

// again renews the block, unless somebody has removed it or put another one in its place: that is an order, too.
func (b *hold) again(ctx context.Context) error {
	ctx, cancel := withTimeout(ctx, b.c.pace.call)
	defer cancel()
	if time.Now().Before(b.held.Until) { // else it may have lapsed
		entry, _, err := b.find(ctx)
		if err != nil {
			return err
		}
		if !b.mine(entry) {
			return errTaken
		}
	}
	_, err := b.put(ctx)
	return err
}

// find returns the entry of the block's key, nil when there is none, and whether nobody's stands beside it.
func (b *hold) find(ctx context.Context) (own *api.Block, nobodys bool, err error) {
	entries, _, err := b.c.Blocklist(ctx)
	for i, entry := range entries {
		key, err := keyOf(entry)
		if err != nil || key.prefix != b.key.prefix || key.pool != b.key.pool {
			continue
		}
		if key.owner == b.key.owner {
			own = &entries[i]
		}
		nobodys = nobodys || key.owner == ""
	}
	return own, nobodys, err
}

// mine tells whether an entry is the one that this hold has put.
func (b *hold) mine(entry *api.Block) bool {
	if entry == nil || entry.Mode != b.h.Block.Mode && b.h.Block.Mode != "" || entry.Until == "" {
		return false
	}
	until, err := time.Parse(time.RFC3339, entry.Until)
	return err == nil && !until.After(b.held.Until.Add(time.Minute)) // clocks may differ; who puts another one means longer
}

// entry is the list with the block alone, for a time.
func (b *hold) entry(d time.Duration) []api.Block {
	entry := b.h.Block
	entry.For = d.String()
	return []api.Block{entry}
}

// lapse notes whether the block has ended by itself before its time.
func (b *hold) lapse(now time.Time) {
	if u := b.held.Until; !u.IsZero() && u.Before(b.end) && u.Before(now) {
		b.held.Lapsed = true
	}
}

// keep renews the block until its end, and tells whether ctx lasted as long.
func (b *hold) keep(ctx context.Context) bool {
	wait := backoff{pace: b.c.pace, most: b.c.pace.renew}
	var trouble error
	pause := b.c.pace.renew
	for {
		left := time.Until(b.end)
		if left <= 0 || !b.held.Until.Before(b.end) { // the lease lasts as long
			return sleep(ctx, left)
		}
		if !sleep(ctx, min(pause, left)) {
			return false
		}
		err := b.again(ctx)
		switch {
		case ctx.Err() != nil:
			return false
		case errors.Is(err, errTaken):
			b.held.Taken = true
			return true
		}
		if err == nil {
			b.held.Renewals++
			wait.reset()
			pause = b.c.pace.renew
		} else {
			pause = wait.next()
		}
		if b.h.OnTrouble != nil && !sameTrouble(err, trouble) {
			b.h.OnTrouble(err)
		}
		trouble = err
	}
}

// remove ends the block, whether ctx has ended or not. A removal by owner takes nobody's entry along, and that one is somebody's order:
// beside one, the block is put for the shortest time instead, and ends by itself.
func (b *hold) remove(ctx context.Context) (api.Effect, error) {
	ctx, cancel := withTimeout(context.WithoutCancel(ctx), b.c.pace.farewell)
	defer cancel()
	own, nobodys, err := b.find(ctx)
	if err != nil {
		return api.Effect{}, err
	}
	switch {
	case own == nil:
		return api.Effect{}, nil
	case nobodys:
		return b.c.AddBlocks(ctx, b.entry(time.Second), Options{Force: b.h.Force})
	}
	return b.c.RemoveBlock(ctx, b.h.Block.Address, b.h.Block.Pool, Options{Owner: b.h.Block.Owner})
}

// blockKey is what entries of the block list are told apart by.
type blockKey struct {
	prefix      netip.Prefix
	pool, owner string // the pool in lower case and without the last dot
}

func keyOf(b api.Block) (blockKey, error) {
	key := blockKey{pool: strings.ToLower(strings.TrimSuffix(b.Pool, ".")), owner: b.Owner}
	if addr, err := netip.ParseAddr(b.Address); err == nil {
		key.prefix = netip.PrefixFrom(addr, addr.BitLen())
		return key, nil
	}
	var err error
	if key.prefix, err = netip.ParsePrefix(b.Address); err != nil {
		return key, fmt.Errorf("%q is neither an IP address nor a network in CIDR notation such as 192.0.2.0/24", b.Address)
	}
	return key, nil
}
