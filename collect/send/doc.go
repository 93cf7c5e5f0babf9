// Package send takes evidence to where others read it.
//
// It stands beside collect, after what collect has saved: what it sends is on disk
// already, and nothing here changes it. A [Store] keeps files under names. Storing a file
// again that is there already, byte for byte, changes nothing, and a file appears whole or
// not at all.
//
// Credentials come from the environment or from files. No error and no message shows one.
package send
