package ticket_test

import (
	"os"
	"testing"

	"timesink/analyze"
)

func TestAPageOfARealCapture(t *testing.T) {
	before, _ := demo(t)
	b0, specimens := analyzed(t, before, analyze.Options{})
	page := pageOf(t, b0, specimens)
	info, err := os.Stat(page)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	b := open(t, page, desk)
	b.until(`document.querySelector("svg.histogram g.column")`)
	b.picture("light")
	b.whole("light-whole")
}
