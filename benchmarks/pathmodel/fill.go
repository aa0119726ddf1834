package pathmodel

import "github.com/farswap/farswap/ublk"

// fillPages writes every page once, by the way of the calling thread, which is locked.
func fillPages(p *pages, w way) error {
	for page := range p.versions {
		p.versions[page]++
		p.content.fill(w.data(), int64(page), p.versions[page])
		if err := w.do(ublk.OpWrite, int64(page)); err != nil {
			return err
		}
	}
	return nil
}

// checkPages reads every page once, and checks it.
func checkPages(p *pages, w way) error {
	for page, version := range p.versions {
		clear(w.data())
		if err := w.do(ublk.OpRead, int64(page)); err != nil {
			return err
		}
		if err := p.content.check(w.data(), int64(page), version); err != nil {
			return err
		}
	}
	return nil
}
