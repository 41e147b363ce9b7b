package e2e

import (
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// shrinkPictures gives the pictures in a folder the 256 colours that they have
// most of, so that they are small enough for the repository.
func shrinkPictures(t *testing.T, dir string) {
	t.Helper()
	if dir == "" {
		return
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d pictures in %s, %v", len(names), dir, err)
	}
	for _, name := range names {
		if err := shrink(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func shrink(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	picture, err := png.Decode(file)
	file.Close()
	if err != nil {
		return err
	}
	small := image.NewPaletted(picture.Bounds(), paletteOf(picture))
	draw.Draw(small, small.Rect, picture, picture.Bounds().Min, draw.Src)
	if file, err = os.Create(name); err != nil {
		return err
	}
	defer file.Close()
	return (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(file, small)
}

// paletteOf returns the most frequent colours. Where letters have soft edges, most
// shades are next to one of them.
func paletteOf(picture image.Image) color.Palette {
	count := map[color.RGBA]int{}
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y++ {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x++ {
			count[color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var palette color.Palette
	for _, c := range colours[:min(256, len(colours))] {
		palette = append(palette, c)
	}
	return palette
}
