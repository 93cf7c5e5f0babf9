package vin

import (
	"errors"
	"fmt"
	"testing"
)

func TestCheckDigit(t *testing.T) {
	for number, want := range map[string]byte{
		"1HGCM82633A004352": '3',
		"1M8GDM9AXKP042788": 'X', // a remainder of ten
		"5GZCZ43D13S812715": '1',
		"11111111111111111": '1', // the weights sum to 89
		"1HGCM826?3A004352": '3', // whatever is in its place
	} {
		if digit, err := CheckDigit(number); err != nil || digit != want {
			t.Errorf("%s has the check digit %q, not %q (%v)", number, digit, want, err)
		}
	}
	for _, number := range Numbers() {
		if want := byModulo(number); number[8] != want {
			t.Errorf("%s has the check digit %q, not %q", number, number[8], want)
		}
	}
}

// byModulo computes the check digit in another way, digit by digit, from the
// table in ISO 3779.
func byModulo(number string) byte {
	const letters, digits = "ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789"
	weights := []int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}
	remainder := 0
	for i, c := range number {
		value := int(c - '0')
		for j, letter := range letters {
			if c == letter {
				value = int(digits[j] - '0')
			}
		}
		remainder = (remainder + weights[i]*value) % 11
	}
	if remainder == 10 {
		return 'X'
	}
	return fmt.Sprint(remainder)[0]
}

func TestValidate(t *testing.T) {
	for _, c := range []struct{ name, number string }{
		{"empty", ""},
		{"a character short", "1HGCM82633A00435"},
		{"a character long", "1HGCM82633A0043522"},
		{"another check digit", "1HGCM82643A004352"},
		{"two digits swapped", "1HGCM82633A003452"},
		{"an I, which looks like a 1", "IHGCM82633A004352"},
		{"an O, which looks like a 0", "1HGCM82633AO04352"},
		{"a Q", "1HGCM82633AQ04352"},
		{"lower case", "1hgcm82633a004352"},
		{"a letter beyond ASCII in the check digit's place", "1HGCM826ö3A00435"},
		{"a NUL", "1HGCM82633A00435\x00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := Validate(c.number); !errors.Is(err, ErrInvalid) {
				t.Errorf("%q: %v", c.number, err)
			}
		})
	}
	if err := Validate("1HGCM82633A004352"); err != nil {
		t.Error(err)
	}
}

func FuzzValidate(f *testing.F) {
	f.Add("1HGCM82633A004352")
	f.Add("1M8GDM9AXKP042788")
	f.Fuzz(func(t *testing.T, number string) {
		if Validate(number) != nil {
			return
		}
		if len(number) != 17 || byModulo(number) != number[8] {
			t.Errorf("%q is valid", number)
		}
	})
}

func TestFleetHoldsThousandsOfValidNumbersOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range Fleet() {
		if err := Validate(v.VIN); err != nil {
			t.Error(err)
		}
		if seen[v.VIN] {
			t.Errorf("%s is there twice", v.VIN)
		}
		seen[v.VIN] = true
	}
	if len(seen) < 2000 {
		t.Errorf("%d vehicles", len(seen))
	}
	if !seen["1HGCM82633A004352"] {
		t.Error("the Accord of the README is missing")
	}
}
