package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/term"
)

// asker asks people to press Enter, one question at a time.
type asker struct {
	app   *app
	turn  chan struct{} // has room for one: who is in it asks
	lines chan struct{} // an Enter; closed at the end of the input
	over  chan struct{}
	once  sync.Once

	// keyboard: an Enter that was pressed before there was a question is no answer to it. What comes from a pipe is written ahead.
	keyboard bool
}

func newAsker(a *app) *asker {
	k := &asker{app: a, turn: make(chan struct{}, 1), lines: make(chan struct{}), over: make(chan struct{})}
	if file, ok := a.in.(*os.File); ok {
		k.keyboard = term.IsTerminal(int(file.Fd()))
	}
	return k
}

// close ends the asking. A reader that waits for an Enter may be left, until the process ends or its input does.
func (k *asker) close() { close(k.over) }

// ask asks, and returns nil when Enter is pressed.
func (k *asker) ask(ctx context.Context, question string) error {
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-k.turn }()
	k.app.say("%s", question)
	k.once.Do(func() { go k.read() })
	select {
	case _, more := <-k.lines:
		if !more {
			return errors.New("nobody has said that it is replaced: standard input has ended")
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("nobody has said that it is replaced: %w", context.Cause(ctx))
	}
}

// read reads lines, however long.
func (k *asker) read() {
	defer close(k.lines)
	in := bufio.NewReader(k.app.in)
	for {
		_, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull): // the line goes on
			continue
		case err != nil:
			return
		case k.keyboard:
			select {
			case k.lines <- struct{}{}:
			default:
			}
			continue
		}
		select {
		case k.lines <- struct{}{}:
		case <-k.over:
			return
		}
	}
}
