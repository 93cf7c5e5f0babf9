package release_test

import (
	"os"
	"testing"

	loader "golang.org/x/tools/go/packages"
)

// TestCompilesForEachSystem checks the types of the whole module for the systems that
// the command is used on. No code is made: a release is built, and this is what tells
// early that one would not be.
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
