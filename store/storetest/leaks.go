package storetest

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// RunLeakFree runs the tests of a package and returns the code to exit with, which is
// that of a failure if goroutines are left after them. It waits for those that are ending.
func RunLeakFree(m *testing.M) int {
	code := m.Run()
	err := goleak.Find()
	for n := 0; err != nil && n < 60; n++ { // each time it looks for half a second
		err = goleak.Find()
	}
	if code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
