package memory

import "testing"

// TestMeminfo reads the file twice through one descriptor, and takes no memory for that.
func TestMeminfo(t *testing.T) {
	m, err := OpenMeminfo()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		available, total, err := m.Read()
		if err != nil || available <= 0 || total < available {
			t.Errorf("%d of %d bytes are available, %v", available, total, err)
		}
	}
	if n := testing.AllocsPerRun(10, func() { _, _, _ = m.Read() }); n > 0 {
		t.Errorf("reading takes %v allocations", n)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := m.Read(); err == nil {
		t.Error("a closed file was read")
	}
}
