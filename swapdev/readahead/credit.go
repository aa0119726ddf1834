package readahead

const (
	// Worth is how many pages may be fetched for one that was used. So fetching goes on while
	// at least half of the pages are used.
	Worth = 2
	// ProbeReads is how many reads earn one page of credit, whatever became of earlier ones.
	ProbeReads = 32
	// FirstCredit is the credit of a new detector, in pages.
	FirstCredit = 128

	mostCredit = 512 // pages: 8 streams that grow to a buffer of 32 pages
)

// credit is how many pages may still be fetched.
type credit struct {
	pages int
	reads int // since the last one that has earned a page
}

func newCredit() credit { return credit{pages: FirstCredit} }

// allow returns how many of a number of pages may be fetched.
func (c *credit) allow(pages int) int { return max(0, min(pages, c.pages)) }

func (c *credit) spend(pages int) { c.pages -= pages }

func (c *credit) earn(pages int) { c.pages = min(c.pages+Worth*pages, mostCredit) }

// read notes a read.
func (c *credit) read() {
	if c.reads++; c.reads >= ProbeReads {
		c.reads = 0
		c.pages = min(c.pages+1, mostCredit)
	}
}
