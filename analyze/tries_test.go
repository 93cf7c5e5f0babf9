package analyze

import "testing"

func TestTriesAreToldFromLists(t *testing.T) {
	for _, c := range []struct {
		name     string
		requests tries
		are      bool
	}{
		{"two of three calls fail", tries{333, 222, 148, 99, 66, 44, 29, 59}, true},
		{"one of five fails", tries{800, 160, 32, 8}, true},
		{"half of them fail, three times at most", tries{500, 250, 250}, true},
		{"while one request fails, so do the others", tries{900, 20, 20, 20, 20, 20}, true},
		{"one to six pages", tries{100, 100, 100, 100, 100, 100}, false},
		{"one to three pages", tries{100, 100, 100}, false},
		{"two to six pages", tries{0, 100, 100, 100, 100, 100}, false},
		{"three calls each", tries{0, 0, 500}, false},
		{"one call or two, which may be either", tries{500, 250}, false},
		{"four items, more or less", tries{73, 147, 195, 195, 156, 104, 60, 51}, false},
		{"too few", tries{5, 3, 2, 1}, false},
	} {
		if got := c.requests.are(); got != c.are {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
