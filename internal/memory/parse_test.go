package memory

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestParseMeminfo(t *testing.T) {
	for text, want := range map[string][2]int64{
		"MemTotal:       24684084 kB\nMemFree:  1 kB\nMemAvailable:   22471944 kB\n": {22471944 << 10, 24684084 << 10},
		"MemAvailable: 0 kB\nMemTotal: 1 kB":                                         {0, 1 << 10},
		"MemAvailable: 3 kB\nMemTotal: 2 kB":                                         {2 << 10, 2 << 10}, // no more than there is
	} {
		if available, total, err := parseMeminfo([]byte(text)); err != nil || available != want[0] || total != want[1] {
			t.Errorf("%q: %d of %d, %v", text, available, total, err)
		}
	}
	for _, text := range []string{
		"", "MemTotal: 1 kB\n", "MemAvailable: 1 kB\n", "MemTotal: 0 kB\nMemAvailable: 0 kB\n", "MemTotal: x kB\nMemAvailable: 1 kB\n",
		"MemTotal: 9223372036854775807 kB\nMemAvailable: 1 kB\n", "MemTotal: -1 kB\nMemAvailable: 1 kB\n",
	} {
		if _, _, err := parseMeminfo([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParsePressure(t *testing.T) {
	const text = "some avg10=0.00 avg60=1.50 avg300=0.00 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=45\n"
	if n, err := parsePressure([]byte(text)); err != nil || n != 123 {
		t.Errorf("%d, %v", n, err)
	}
	for _, text := range []string{"", "full total=1\n", "some avg10=0.00\n", "some total=x\n", "some total=-1\n", "some"} {
		if _, err := parsePressure([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParseCgroup(t *testing.T) {
	for text, want := range map[string][2]string{ // of version 2, of version 1
		"0::/system.slice/farswap.service\n":    {"/system.slice/farswap.service", "-"},
		"4:memory:/one\n0::/\n":                 {"/", "/one"},
		"4:cpu,memory:/a:b\n1:name=systemd:/\n": {"-", "/a:b"},
		"0::/../beside\n":                       {"/../beside", "-"},
		"4:memoryless:/one\n":                   {"-", "-"},
		"4:memory\n":                            {"-", "-"},
		"":                                      {"-", "-"},
	} {
		for i, h := range []*hierarchy{version2, version1} {
			got, ok := parseCgroup([]byte(text), h)
			if !ok {
				got += "-"
			}
			if got != want[i] {
				t.Errorf("%q: %q of hierarchy %d", text, got, i)
			}
		}
	}
}

func TestParseMounts(t *testing.T) {
	for text, want := range map[string][2]mount{ // of version 2, of version 1
		"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n":                   {{"/", "/sys/fs/cgroup"}, {}},
		"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n31 23 0:26 /box /sys/fs/cgroup\\040two rw - cgroup2 none rw\n": {{"/box", "/sys/fs/cgroup two"}, {}},
		"30 23 0:26 /a /m rw - cgroup cgroup rw,hugetlb,memory\n":                                            {{}, {"/a", "/m"}},
		"30 23 0:26 / /c rw - cgroup cgroup rw,cpu\n31 23 0:27 / /u rw - cgroup2 x rw\n":                     {{"/", "/u"}, {}},
		"30 23 0:26 / - cgroup2": {},
		"":                       {},
		"30 23 0:26 / /a\\04 rw shared:1 master:2 - cgroup2 x rw\n": {{"/", "/a\\04"}, {}},
	} {
		for i, h := range []*hierarchy{version2, version1} {
			if got, ok := parseMounts([]byte(text), h); got != want[i] || ok != (want[i] != mount{}) {
				t.Errorf("%q: %+v of hierarchy %d", text, got, i)
			}
		}
	}
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]int64{"max\n": math.MaxInt64, "0\n": 0, "1073741824\n": 1 << 30, "9223372036854771712\n": math.MaxInt64} {
		if n, err := parseLimit([]byte(text)); err != nil || n != want {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "-1", "maximum", "1 2", "9223372036854775808"} {
		if _, err := parseLimit([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParseReclaimable(t *testing.T) {
	const text = "anon 1000\nfile 700\nshmem 100\ninactive_file 400\nactive_file 200\nunevictable 9\nslab_reclaimable 30\nslab_unreclaimable 5\n"
	if n, err := parseReclaimable([]byte(text), version2.reclaimable); err != nil || n != 630 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := parseReclaimable(nil, version2.reclaimable); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	for _, text := range []string{"active_file x\n", "active_file -1\n", "active_file 9223372036854775807\ninactive_file 1\n"} {
		if _, err := parseReclaimable([]byte(text), version2.reclaimable); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzParsers feeds anything to every parser: amounts are never negative, and an
// error is an ErrFormat.
func FuzzParsers(f *testing.F) {
	f.Add([]byte("MemTotal: 2 kB\nMemAvailable: 1 kB\n"))
	f.Add([]byte("some avg10=0.00 total=123\n"))
	f.Add([]byte("0::/a\n"))
	f.Add([]byte("31 23 0:26 /box /sys\\040x rw - cgroup2 none rw\n"))
	f.Add([]byte("max\n"))
	f.Add([]byte("inactive_file 400\nactive_file 200\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		available, total, err := parseMeminfo(text)
		if err == nil && (available < 0 || total <= 0 || available > total) {
			t.Errorf("%d of %d available", available, total)
		}
		limit, limitErr := parseLimit(text)
		reclaimable, statErr := parseReclaimable(text, version2.reclaimable)
		if limit < 0 || reclaimable < 0 {
			t.Errorf("limit %d, reclaimable %d", limit, reclaimable)
		}
		_, psiErr := parsePressure(text)
		for _, err := range []error{err, limitErr, statErr, psiErr} {
			if err != nil && !errors.Is(err, ErrFormat) {
				t.Errorf("%v", err)
			}
		}
		for _, h := range []*hierarchy{version1, version2} {
			place, _ := parseCgroup(text, h)
			m, _ := parseMounts(text, h)
			for _, dir := range m.around(place) {
				if !strings.HasPrefix(dir, m.point) {
					t.Errorf("%q of %q in %+v", dir, place, m)
				}
			}
		}
	})
}
