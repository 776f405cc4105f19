package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"
)

// versionInfo says what this is.
type versionInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

// versionNow is what the linker was told, else what Go knows.
func versionNow() versionInfo {
	v := versionInfo{Version: version, Commit: commit, Go: runtime.Version()}
	built, found := debug.ReadBuildInfo()
	if v.Version == "" && found {
		v.Version = built.Main.Version
	}
	if v.Commit == "" && found {
		v.Commit = buildSetting(built, "vcs.revision")
		if buildSetting(built, "vcs.modified") == "true" {
			v.Commit += "-dirty"
		}
	}
	if v.Version == "" {
		v.Version = "(devel)"
	}
	if v.Commit == "" {
		v.Commit = "unknown"
	}
	return v
}

func buildSetting(built *debug.BuildInfo, key string) string {
	if i := slices.IndexFunc(built.Settings, func(s debug.BuildSetting) bool { return s.Key == key }); i >= 0 {
		return built.Settings[i].Value
	}
	return ""
}

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Long: `Shows the version and the commit that healthlbctl was made of, and the version of Go. It asks no
server.`,
		Example:           `  healthlbctl version -o json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.RunE = a.do(func(context.Context, []string) error {
		c, err := a.settings(cmd.Root().PersistentFlags())
		if err != nil {
			return err
		}
		v := versionNow()
		return a.show(c, v, func() error { return a.line("healthlbctl %s (commit %s, %s)", v.Version, v.Commit, v.Go) })
	})
	return cmd
}
