package discover_test

import (
	"context"
	"fmt"
	"strings"

	"timesink/collect/discover"
)

// The instances of a file, each with its labels, and the names of the files that their
// captures may have.
func ExampleFinder_Lines() {
	const targets = `
# checkout, two zones
10.0.0.7:6060 zone=a version=1.4
10.0.0.8:6060 zone=b version=1.5 name=canary
10.0.0.7:6060 zone=a version=1.4  # the same again
`
	var f discover.Finder
	list, err := f.Lines(context.Background(), "targets", strings.NewReader(targets))
	if err != nil {
		fmt.Println(err)
		return
	}
	list = discover.Unique(list)
	for i, name := range discover.FileNames(list) {
		fmt.Println(list[i].Name, list[i].Labels, name+".zip")
	}
	// Output:
	// 10.0.0.7:6060 [{version 1.4} {zone a}] 10.0.0.7-6060.zip
	// canary [{version 1.5} {zone b}] canary.zip
}
