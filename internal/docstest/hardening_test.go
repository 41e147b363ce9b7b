package docstest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const unit = "docs/tokenreeve.service"

var (
	setting  = regexp.MustCompile(`(?m)^([A-Za-z]+)=`)
	unitRow  = regexp.MustCompile("(?m)^\\| ((?:`[A-Za-z]+` ?)+) \\|")
	unitWord = regexp.MustCompile("`([A-Za-z]+)`")
)

// The page says of each setting of the service what it is for, and of no other.
func TestUnitIsDocumented(t *testing.T) {
	_, service, _ := strings.Cut(readFile(t, unit), "[Service]")
	service, _, _ = strings.Cut(service, "[Install]")
	var inUnit, inPage []string
	for _, found := range setting.FindAllStringSubmatch(service, -1) {
		inUnit = append(inUnit, found[1])
	}
	for _, row := range unitRow.FindAllStringSubmatch(sections(readFile(t, "docs/hardening.md"))["The service"], -1) {
		for _, found := range unitWord.FindAllStringSubmatch(row[1], -1) {
			inPage = append(inPage, found[1])
		}
	}
	slices.Sort(inUnit)
	slices.Sort(inPage)
	if inUnit = slices.Compact(inUnit); len(inUnit) < 20 || !slices.Equal(inUnit, inPage) {
		t.Errorf("the unit has\n%s\nand the page\n%s", strings.Join(inUnit, " "), strings.Join(inPage, " "))
	}
}

// writeUnit writes the unit for the binary of this run, with a change.
func writeUnit(t *testing.T, from, to string) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil && os.Getenv("TOKENREEVE_FULL") == "" {
		t.Skip("systemd-analyze is not here")
	}
	text := strings.ReplaceAll(readFile(t, unit), "/usr/bin/tokenreeve", filepath.Join(binaries, "tokenreeve"))
	if !strings.Contains(text, from) {
		t.Fatalf("the unit has no %q", from)
	}
	path := filepath.Join(t.TempDir(), "tokenreeve.service")
	if err := os.WriteFile(path, []byte(strings.Replace(text, from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// systemd knows every setting of the unit, and has nothing to say about it. It
// would have, of one that isn't there.
func TestUnitIsOneForSystemd(t *testing.T) {
	verify := func(path string) (string, error) {
		text, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
		return string(text), err
	}
	if text, err := verify(writeUnit(t, "", "")); err != nil || text != "" {
		t.Errorf("%v: %s", err, text)
	}
	if text, _ := verify(writeUnit(t, "ProtectSystem=", "ProtectSytem=")); !strings.Contains(text, "ProtectSytem") {
		t.Errorf("systemd says nothing about a setting that it does not have: %s", text)
	}
}

// systemd rates how much a service is exposed from 0 to 10, here in tenths; 2 is
// near what a service that listens on ports below 1024 can get to.
func TestUnitHasLeastRights(t *testing.T) {
	rate := func(path string) error {
		return exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", path).Run()
	}
	if err := rate(writeUnit(t, "", "")); err != nil {
		t.Error("the unit is more exposed than 2 of 10:", err)
	}
	if err := rate(writeUnit(t, "CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "")); err == nil {
		t.Error("a unit with all capabilities is rated as well as with one")
	}
}

// What the page writes for the admin endpoint makes a socket that nobody else can
// open, through which a reload works.
func TestAdminSocket(t *testing.T) {
	line := regexp.MustCompile("`(admin unix//)run/tokenreeve(/[^|`\\s]+)(\\|\\d+)?`").FindStringSubmatch(readFile(t, "docs/hardening.md"))
	if line == nil {
		t.Fatal("docs/hardening.md has no admin socket")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "Caddyfile")
	text := "{\n\t" + line[1] + strings.TrimPrefix(dir, "/") + line[2] + line[3] + "\n\tpersist_config off\n}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(filepath.Join(binaries, "tokenreeve"), "run", "--config", config)
	run.Dir, run.Env = dir, []string{"HOME=" + dir}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Signal(os.Interrupt)
		_ = run.Wait()
	})
	reload := func() ([]byte, error) {
		cmd := exec.Command(filepath.Join(binaries, "tokenreeve"), "reload", "--config", config, "--force")
		cmd.Env = run.Env
		return cmd.CombinedOutput()
	}
	output, err := reload()
	for end := time.Now().Add(patience); err != nil && time.Now().Before(end); output, err = reload() {
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	info, err := os.Stat(filepath.Join(dir, line[2]))
	if err != nil || info.Mode().Type() != os.ModeSocket || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the socket is %v, %v", info, err)
	}
}
