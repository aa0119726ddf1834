package command

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/owned"
)

const (
	configFlag = "config"
	maxConfig  = 1 << 20 // bytes of a file
)

// notInConfig are flags that make no sense in a file.
var notInConfig = []string{configFlag, "help"}

// WithConfig gives a command the flag --config. The default file is read where
// it exists.
func WithConfig(cmd *cobra.Command, defaultPath string) {
	cmd.Flags().String(configFlag, defaultPath, "TOML file with these options; options given here win")
}

// loadConfig sets each option of the file that was not given on the command
// line, if the command has a file.
func loadConfig(cmd *cobra.Command) error {
	flag := cmd.Flags().Lookup(configFlag)
	if flag == nil {
		return nil
	}
	path := flag.Value.String()
	data, err := owned.Read(path, maxConfig)
	if errors.Is(err, os.ErrNotExist) && !flag.Changed {
		return nil
	}
	if err != nil {
		return usage.Errorf("configuration: %w", err)
	}
	if err := applyConfig(string(data), cmd.Flags()); err != nil {
		return usage.Errorf("configuration %s: %w", path, err)
	}
	return nil
}

// applyConfig reads TOML whose keys are names of flags and sets those flags
// that have not been set yet. Every key is checked, also those that a flag
// overrides.
func applyConfig(text string, flags *pflag.FlagSet) error {
	var values map[string]any
	if _, err := toml.Decode(text, &values); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return fmt.Errorf("line %d: %s", parse.Position.Line, parse.Message)
		}
		return err
	}
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	sort.Strings(keys) // the same file gives the same error every time
	for _, key := range keys {
		flag := flags.Lookup(key)
		if flag == nil || slices.Contains(notInConfig, key) {
			return fmt.Errorf("unknown key %q", key)
		}
		words, err := configWords(values[key])
		if err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
		if err := setFlag(flag, words); err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
	}
	return nil
}

// configWords turns a TOML value into words of a command line: one word, or one for each
// element of a list.
func configWords(value any) ([]string, error) {
	switch v := value.(type) {
	case string:
		return []string{v}, nil
	case bool, int64, float64:
		return []string{fmt.Sprint(v)}, nil
	case []any:
		words := []string{}
		for _, element := range v {
			text, ok := element.(string)
			if !ok {
				return nil, fmt.Errorf("element %v of the list is not a string", element)
			}
			words = append(words, text)
		}
		return words, nil
	default:
		return nil, errors.New("want a string, a number, true or false, or a list of strings")
	}
}

// setFlag sets a flag from the file. One that was given on the command line
// keeps its value.
func setFlag(flag *pflag.Flag, words []string) error {
	if flag.Changed {
		return nil
	}
	if slices.Contains(words, "") {
		return errEmpty
	}
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		return list.Replace(words)
	}
	if len(words) != 1 {
		return fmt.Errorf("want one value, not a list of %d", len(words))
	}
	return flag.Value.Set(words[0])
}

// ErrListGone means that a configuration file has no list any more where it had one.
var ErrListGone = errors.New("the list is gone, and without one everybody is allowed: restart the server if that is meant")

// ConfigList reads a list of names of a command's configuration file again. The path is empty if the list
// does not come from a file: it was given on the command line, or there was none. A list that is gone is
// ErrListGone: a file that is half written must not let everybody in.
type ConfigList struct {
	Path string
	key  string
}

// ListOf is the list of a flag, as it was read at the start.
func ListOf(cmd *cobra.Command, name string) ConfigList {
	f := cmd.Flags()
	list, ok := f.Lookup(name).Value.(pflag.SliceValue)
	if !ok || f.Lookup(name).Changed || len(list.GetSlice()) == 0 || f.Lookup(configFlag) == nil {
		return ConfigList{}
	}
	return ConfigList{f.Lookup(configFlag).Value.String(), name}
}

// Read returns the list as it is in the file now.
func (l ConfigList) Read() ([]string, error) {
	data, err := owned.Read(l.Path, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var values map[string]any
	if _, err := toml.Decode(string(data), &values); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", l.Path, err)
	}
	words, err := configWords(values[l.key])
	if values[l.key] == nil || err == nil && len(words) == 0 {
		err = ErrListGone
	}
	if err != nil {
		return nil, fmt.Errorf("configuration %s: key %q: %w", l.Path, l.key, err)
	}
	return words, nil
}
