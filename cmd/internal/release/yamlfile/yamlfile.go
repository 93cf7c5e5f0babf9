// Package yamlfile decodes YAML files for tests.
package yamlfile

import (
	"bytes"
	"os"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Decode decodes a file into a value and fails the test if it cannot.
func Decode(t testing.TB, path string, into any) {
	t.Helper()
	decode(t, path, into, false)
}

// DecodeStrictly is Decode, but a key that the value has no field for is an error.
func DecodeStrictly(t testing.TB, path string, into any) {
	t.Helper()
	decode(t, path, into, true)
}

func decode(t testing.TB, path string, into any, strict bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(strict)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
