package workflows_test

import (
	"os"
	"testing"

	loader "golang.org/x/tools/go/packages"
)

// TestCompilesForEachSystem type-checks the whole module for each supported system.
// It generates no code, and shows early that a release would not build.
func TestCompilesForEachSystem(t *testing.T) {
	for _, system := range []string{"darwin", "windows"} {
		t.Run(system, func(t *testing.T) {
			list, err := loader.Load(&loader.Config{
				Mode: loader.LoadAllSyntax, Dir: root, Env: append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0"),
			}, "./...")
			if err != nil {
				t.Fatal(err)
			}
			if len(list) < 10 {
				t.Errorf("only %d packages", len(list))
			}
			loader.Visit(list, nil, func(p *loader.Package) {
				for _, err := range p.Errors {
					t.Error(err)
				}
			})
		})
	}
}
