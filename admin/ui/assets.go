package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed static
var static embed.FS

// assetsPath has a digest of all that is below it, so that browsers may keep it for
// good and still see the files of the version that runs.
var assetsPath = "/assets/" + digestOf(static) + "/"

func digestOf(files fs.FS) string {
	digest := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		digest.Write([]byte(name + "\x00"))
		digest.Write(text)
		return err
	})
	if err != nil {
		panic(err) // they are in this program
	}
	return hex.EncodeToString(digest.Sum(nil)[:6])
}

// kinds are the media types by the ends of names, whatever the machine thinks.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, assetsPath)
	text, err := fs.ReadFile(static, "static/"+name)
	dot := strings.LastIndexByte(name, '.')
	if err != nil || dot < 0 || kinds[name[dot:]] == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", kinds[name[dot:]])
	_, _ = w.Write(text) //nolint:gosec // a file of this program
}
