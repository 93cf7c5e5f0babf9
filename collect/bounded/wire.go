package bounded

import "encoding/binary"

// fields calls each with the fields of a protobuf message, in order: the number
// and, for a field of bytes, its value.
func fields(data []byte, each func(number int, value []byte) error) error {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 {
			return errMalformed
		}
		data = data[n:]
		var value []byte
		switch key & 7 {
		case 0:
			_, n = binary.Uvarint(data)
		case 1:
			n = 8
		case 5:
			n = 4
		case 2:
			length, m := binary.Uvarint(data)
			if m <= 0 || length > uint64(len(data)-m) {
				return errMalformed
			}
			n = m + int(length)
			value = data[m:n]
		default:
			return errMalformed
		}
		if n <= 0 || n > len(data) {
			return errMalformed
		}
		data = data[n:]
		if err := each(int(key>>3), value); err != nil {
			return err
		}
	}
	return nil
}
