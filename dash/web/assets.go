package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// The files of the page. uplot/ is uPlot 1.6.32 as it is in the npm registry, with its licence.
//
//go:embed assets
var assetFiles embed.FS

// asset is a file of the page, ready to send.
type asset struct {
	data []byte
	kind string
	tag  string // of its content
}

// loadAssets returns the files by their path below assets.
func loadAssets() (map[string]*asset, error) {
	all := map[string]*asset{}
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := assetFiles.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		a := &asset{data: data, kind: contentType(name), tag: `"` + hex.EncodeToString(sum[:8]) + `"`}
		all[strings.TrimPrefix(name, "assets/")] = a
		return nil
	})
	return all, err
}

// contentType does not use the machine's own tables, because they differ between machines.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.FormatMediaType("text/plain", map[string]string{"charset": "utf-8"})
	}
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("ETag", a.tag)
	w.Header().Set("Cache-Control", "no-cache") // the browser asks each time whether the tag is still right
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(a.data) // a reader that has left needs no answer
}
