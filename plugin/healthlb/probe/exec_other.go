//go:build !unix

package probe

import "errors"

// NewExec returns an error: where there are no process groups, what a command starts cannot be ended with it.
func NewExec(uint16, ExecOptions) (Check, error) {
	return nil, errors.New("commands can be run as checks on Unix systems only")
}
