package infer

// Slots is the number of slots in each cell: 3 of each size, and one more of the
// smallest.
const Slots = 10

// SlotOf returns which of the Slots of its cell an unnamed request belongs to, by its
// goroutine and start. It looks random, so that requests of one class do not gather in
// one slot. Three slots hold a quarter of the requests each, three a sixteenth, and so
// on, so that few slots can be dealt out in almost any ratio.
func SlotOf(goroutine, start int64) int {
	x := uint64(start) + uint64(goroutine)*0x9e3779b97f4a7c15 // splitmix64
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	for slot := 0; ; slot += 3 {
		digit := int(x & 3)
		if digit < 3 || slot+3 == Slots-1 {
			return slot + digit
		}
		x >>= 2
	}
}

// A Dealer deals requests, some at once, to classes. What one cell gives a class too
// much, the next cells give it less, so that each class gets its share of all within
// the size of a small slot.
type Dealer struct{ owed []float64 }

// NewDealer returns a Dealer for that many classes.
func NewDealer(classes int) *Dealer { return &Dealer{owed: make([]float64, classes)} }

// Deal returns the class that each lot of requests of a cell goes to. sizes are the
// numbers of requests in the lots; they should descend. shares are the cell's and must
// not be empty.
func (d *Dealer) Deal(sizes []int64, shares []Share) []int {
	sum := int64(0)
	for _, n := range sizes {
		sum += n
	}
	for _, s := range shares {
		d.owed[s.Class] += s.Part * float64(sum)
	}
	out := make([]int, len(sizes))
	for i, n := range sizes {
		to := shares[0].Class
		for _, s := range shares {
			if d.owed[s.Class] > d.owed[to] {
				to = s.Class
			}
		}
		out[i] = to
		d.owed[to] -= float64(n)
	}
	return out
}
