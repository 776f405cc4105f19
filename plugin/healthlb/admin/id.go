package admin

import (
	"fmt"
	"net/http"
	"regexp"
)

// word is a word that names a member or a region in the Corefile. Addresses are such words.
var word = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,63}$`)

// checkWord refuses what cannot be the name of anything; what says what it should name.
func checkWord(what, s string) error {
	if !word.MatchString(s) {
		return NewProblem(http.StatusBadRequest, "%s", notAWord(what, s))
	}
	return nil
}

func notAWord(what, s string) string {
	return fmt.Sprintf("%s %q is not allowed as a name: want 1 to 63 of A-Z a-z 0-9 . _ : -", what, s)
}
