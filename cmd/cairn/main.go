// Command cairn is a hub for models, datasets and Spaces, and the tool that administers it. This package parses flags
// and prints; everything else is internal/app's and the domain packages' business.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/errs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a command line that makes no sense.
type usageError struct{ error }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var found app.ExitError
	if errors.As(err, &found) {
		if found.Err != nil {
			fmt.Fprintln(stderr, "cairn:", message(found.Err))
		}
		return found.Code
	}
	fmt.Fprintln(stderr, "cairn:", message(err))
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// isUsage tells cobra's own refusals, which have no type, by their words.
func isUsage(err error) bool {
	var usage usageError
	if errors.As(err, &usage) {
		return true
	}
	for _, words := range []string{"unknown command", "required flag(s)", "at least one of the flags", "if any flags in the group"} {
		if strings.HasPrefix(err.Error(), words) {
			return true
		}
	}
	return false
}

// message is what the operator reads: the text meant for users, and for unexpected failures the whole chain.
func message(err error) string {
	var e *errs.Error
	if errors.As(err, &e) && e.Kind != errs.Internal && e.Err == nil {
		return e.Msg
	}
	return err.Error()
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "cairn",
		Short: "A hub for models, datasets and Spaces, compatible with Hugging Face's clients",
		Long: "Cairn is a hub for models, datasets and Spaces in one program. Start it with: cairn serve\n\n" +
			"Every setting that 'cairn config print' lists can be given to every command as a flag (--listen), as a\n" +
			"variable (CAIRN_LISTEN) or in a YAML file (listen: …), in this order of precedence.",
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	addSettings(root.PersistentFlags())
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: see %s --help", err, c.CommandPath())}
	})
	root.AddCommand(serveCommand(), userCommand(), sessionCommand(), tokenCommand(), keyCommand(), inviteCommand(), orgCommand(), repoCommand(),
		quotaCommand(), siteCommand(), jobCommand(), auditCommand(), migrateCommand(), gcCommand(), fsckCommand(), repairCommand(), holdCommand(), lfsCommand(), doctorCommand(),
		backupCommand(), restoreCommand(), migrateStorageCommand(), rebuildCommand(),
		configCommand(), versionCommand())
	return root
}

// shown are the settings that --help lists; the others work as well.
var shown = map[string]bool{"data": true, "listen": true, "ssh-listen": true, "url": true, "database-url": true, "blob-url": true}

func addSettings(fs *pflag.FlagSet) {
	fs.SortFlags = false
	for _, s := range config.Settings() {
		help := s.Help
		if d := s.Default(); d != "" {
			help += " (default " + d + ")"
		}
		fs.String(s.Name, "", help)
		f := fs.Lookup(s.Name)
		f.Hidden = !shown[s.Name]
		if s.Bool {
			f.NoOptDefVal = "true"
		}
	}
	fs.String("config", "", "configuration file (default cairn.yaml in the data folder, if it is there)")
}

// loadConfig puts the configuration together from the command's flags, the environment and the file.
func loadConfig(c *cobra.Command) (*config.Config, error) {
	known := map[string]bool{}
	for _, s := range config.Settings() {
		known[s.Name] = true
	}
	given := map[string]string{}
	c.Flags().Visit(func(f *pflag.Flag) {
		if known[f.Name] {
			given[f.Name] = f.Value.String()
		}
	})
	file, err := c.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	return config.Load(given, os.Environ(), file)
}

// logger writes to the standard error, as configured.
func logger(cfg *config.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.LogLevel)) // validated
	o := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// exactArgs is cobra's, with words that say what is missing.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		want := "no argument"
		if len(names) > 0 {
			want = strings.Join(names, " ")
		}
		return usageError{fmt.Errorf("%s takes %s: see %s --help", c.CommandPath(), want, c.CommandPath())}
	}
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short, Args: func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{fmt.Errorf("unknown command %q: see %s --help", args[0], c.CommandPath())}
		}
		return nil
	}, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	g.AddCommand(commands...)
	return g
}
