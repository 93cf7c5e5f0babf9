package vin

import (
	"errors"
	"fmt"
)

// ErrInvalid is wrapped by all errors about the form of a VIN.
var ErrInvalid = errors.New("not a vehicle identification number")

// weights holds the weights of the positions, as in ISO 3779 and 49 CFR 565.15.
// The check digit itself, the ninth character, has weight 0.
var weights = [17]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}

// values holds the values of the letters. I, O and Q do not occur, because they
// look like digits.
var values = map[byte]int{
	'A': 1, 'B': 2, 'C': 3, 'D': 4, 'E': 5, 'F': 6, 'G': 7, 'H': 8,
	'J': 1, 'K': 2, 'L': 3, 'M': 4, 'N': 5, 'P': 7, 'R': 9,
	'S': 2, 'T': 3, 'U': 4, 'V': 5, 'W': 6, 'X': 7, 'Y': 8, 'Z': 9,
}

// CheckDigit computes the ninth character of a VIN from the other sixteen. It
// ignores the character in that place. If the number is malformed, the error
// describes why and wraps [ErrInvalid].
func CheckDigit(number string) (byte, error) {
	if len(number) != len(weights) {
		return 0, fmt.Errorf("%w: %q has %d characters, not %d", ErrInvalid, number, len(number), len(weights))
	}
	sum := 0
	for i, weight := range weights {
		value, err := transliterate(number[i])
		if err != nil && weight != 0 {
			return 0, fmt.Errorf("%w: %q has %q at position %d", ErrInvalid, number, number[i], i+1)
		}
		sum += value * weight
	}
	return "0123456789X"[sum%11], nil
}

// Validate returns an error that wraps [ErrInvalid] unless a VIN is well formed
// and has the right check digit.
func Validate(number string) error {
	digit, err := CheckDigit(number)
	if err != nil {
		return err
	}
	if number[8] != digit {
		return fmt.Errorf("%w: %q has the check digit %q where its other characters give %q", ErrInvalid, number, number[8], digit)
	}
	return nil
}

func transliterate(c byte) (int, error) {
	if c >= '0' && c <= '9' {
		return int(c - '0'), nil
	}
	if value, ok := values[c]; ok {
		return value, nil
	}
	return 0, ErrInvalid
}
