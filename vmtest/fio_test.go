package vmtest

import (
	"errors"
	"testing"
)

func TestParseFio(t *testing.T) {
	group := `{"error": 0, "read": {"io_bytes": 8192, "iops": 2.5, "total_ios": 2}, "write": {"io_bytes": 4096, "total_ios": 1}, "trim": {}}`
	r, err := parseFio("fio: a warning\n{\n\"fio version\": \"fio-3.33\", \"jobs\": [" + group + "]}\n")
	if err != nil || r.Read.Bytes != 8192 || r.Read.IOPS != 2.5 || r.Write.IOs != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	for name, text := range map[string]string{
		"empty":     "",
		"no JSON":   "fio: failed\n",
		"truncated": "{\n\"jobs\": [",
		"no jobs":   "{\n\"jobs\": []}",
		"two":       "{\n\"jobs\": [" + group + "," + group + "]}",
		"failed":    "{\n\"jobs\": [{\"error\": 84}]}",
	} {
		if r, err := parseFio(text); !errors.Is(err, errFio) {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
}
