// Package bounded reads what comes from outside within stated limits: answers of
// services, and files that others made.
//
// It is used wherever such bytes are unpacked or held in memory, by the packages
// that collect, read, analyze and redact captures. It knows none of the formats
// of the project and imports no other package of it. It does not limit what is
// only passed on, such as the trace on its way to the disk, which ends when the
// disk runs low.
//
// Outside data is small and becomes large in three ways, and all three count:
//
//   - an answer or a file may have no end: ReadAll and Copy stop reading;
//   - gzip and zip unpack to as much as a thousand times their size: Unzip,
//     Unpacked and Zip count what comes out, not what goes in;
//   - a parsed message is larger than its encoding, two bytes of a profile
//     becoming two hundred: Profile counts what the parsed profile will use,
//     before it is parsed.
//
// At its limit each function returns an error that wraps ErrTooLarge and states the
// limit, and has used no more memory than its documentation says. A side part
// that is too large is then left out, with a warning; it never costs the trace.
// Limits are in bytes. They are computed from the data, never measured, so the
// same data meets the same limit on every machine.
package bounded
