package main

import (
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand writes the pages for man. It is for whoever makes packages, and is not shown.
func (a *app) manCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "man DIR",
		Short: "Write the pages for man",
		Long: `Writes a page for man of each command into a folder. Their date is that of SOURCE_DATE_EPOCH, else
that of the commit.`,
		Example: `  healthlbctl man /usr/share/man/man1`,
		Args:    cobra.ExactArgs(1),
		Hidden:  true,
	}
	cmd.RunE = a.do(func(_ context.Context, args []string) error {
		date, err := a.manDate()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(args[0], 0o755); err != nil {
			return err
		}
		root := cmd.Root()
		root.DisableAutoGenTag = true
		forMan(root)
		return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date, Source: "healthlb", Manual: "healthlb"}, args[0])
	})
	return cmd
}

// forMan makes the tables in the help of all commands what Markdown takes for text as it stands: blocks with four spaces in front, between
// empty lines.
func forMan(cmd *cobra.Command) {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(cmd.Long) {
		if set := strings.HasPrefix(line, "  "); set != inside && strings.TrimSpace(line) != "" {
			b.WriteByte('\n')
			inside = set
		}
		if inside {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	cmd.Long = b.String()
	for _, sub := range cmd.Commands() {
		forMan(sub)
	}
}

// manDate is the same whenever the pages are made of the same source: see https://reproducible-builds.org/specs/source-date-epoch.
// When nothing says it, it is 1970.
func (a *app) manDate() (time.Time, error) {
	if epoch := a.getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return time.Time{}, usage("SOURCE_DATE_EPOCH: %q is no time: want seconds since 1970", epoch)
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	if built, found := debug.ReadBuildInfo(); found {
		if t, err := time.Parse(time.RFC3339, buildSetting(built, "vcs.time")); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Unix(0, 0).UTC(), nil
}
