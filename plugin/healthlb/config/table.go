package config

// directive is what may be said in some place: a line of a block, or an option on a line.
type directive[T any] struct {
	parse func(*args, *T) error // takes the words behind the directive's own
	many  bool                  // may be said more than once
	block bool                  // is followed by a block in braces
}

// table holds the directives that are known in one place, by their words. A new directive is a new entry.
type table[T any] map[string]directive[T]

// lines reads a block of directives into t. place says where this is, for errors; relative file names are relative to dir.
func (tb table[T]) lines(block []line, dir, place string, t *T) error {
	first := seen{}
	for _, l := range block {
		a := &args{line: l, dir: dir, next: 1}
		d, err := tb.find(a, place, first)
		if err != nil {
			return err
		}
		if l.hasBlock && !d.block {
			a.next = len(a.words)
			return a.fail(fault{"has no block", "leave out the braces"})
		}
		if err := d.parse(a, t); err != nil {
			return err
		}
		if err := a.end(); err != nil {
			return err
		}
	}
	return nil
}

// options reads the rest of a line as options into t.
func (tb table[T]) options(a *args, place string, t *T) error {
	first := seen{}
	for a.more() {
		a.next++
		d, err := tb.find(a, place, first)
		if err != nil {
			return err
		}
		if err := d.parse(a, t); err != nil {
			return err
		}
	}
	return nil
}

// find returns the directive of the word last taken.
func (tb table[T]) find(a *args, place string, first seen) (directive[T], error) {
	word := a.words[a.next-1]
	d, ok := tb[word]
	if !ok {
		return d, a.fail(unknown(word, place, keys(tb)))
	}
	if d.many {
		return d, nil
	}
	if before, twice := first[word]; twice {
		return d, a.fail(again(before))
	}
	first[word] = a.pos(a.next - 1)
	return d, nil
}

// seen remembers where each directive was said first.
type seen map[string]pos

// lift makes a table for S of one for T, which is a part of S.
func lift[S, T any](tb table[T], part func(*S) *T) table[S] {
	lifted := make(table[S], len(tb))
	for word, d := range tb {
		lifted[word] = directive[S]{
			parse: func(a *args, s *S) error { return d.parse(a, part(s)) },
			many:  d.many,
			block: d.block,
		}
	}
	return lifted
}

// said is a value with the place where it was said. It was not said when the place is nowhere.
type said[T any] struct {
	v  T
	at pos
}

func (s said[T]) ok() bool { return s.at != pos{} }

// over returns s when it was said, else the less specific other.
func (s said[T]) over(other said[T]) said[T] {
	if s.ok() {
		return s
	}
	return other
}

// or returns the value, or the default when none was said.
func (s said[T]) or(def T) T {
	if s.ok() {
		return s.v
	}
	return def
}

// field makes a directive of a parser and of the place that its value has in S.
func field[S, T any](parse func(*args) (T, error), place func(*S) *said[T]) directive[S] {
	return directive[S]{parse: func(a *args, s *S) error {
		v, err := parse(a)
		*place(s) = said[T]{v, a.at}
		return err
	}}
}
