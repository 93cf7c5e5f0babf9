package analyze

import (
	"flag"
	"os"
	"testing"
)

// The tests that run in parallel mostly wait for a window to end.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "6")
	os.Exit(m.Run())
}
