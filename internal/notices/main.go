// Command notices prints the licences of all that others wrote and that farswap and farswapd have in
// them, as those who pass the programs on have to: `./do notices`. It fails if one of them has no
// licence, or one that is not on a list of allowed ones; `./do lint` runs it for that. Run it in the
// root of the repository.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	parts, err := linked("./cmd/farswap", "./cmd/farswapd")
	if err == nil {
		err = errors.Join(write(out, parts), out.Flush())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "notices: %v\n", err)
		os.Exit(1)
	}
}

// write prints the notices of all parts. It goes on after a part that is refused, so that all of
// those are told at once.
func write(w io.Writer, parts []part) error {
	var refused []error
	fmt.Fprintf(w, "farswap and farswapd contain the following, each under its own licence.\n")
	for _, p := range parts {
		files, err := p.notices()
		if err != nil {
			refused = append(refused, err)
			continue
		}
		fmt.Fprintf(w, "\n%s\n%s\n", strings.Repeat("=", 80), strings.TrimSpace(p.name+" "+p.version))
		for _, f := range files {
			fmt.Fprintf(w, "\n--- %s\n\n%s\n", strings.TrimSpace(f.name+" "+f.kind), strings.TrimSpace(f.text))
		}
	}
	return errors.Join(refused...)
}
