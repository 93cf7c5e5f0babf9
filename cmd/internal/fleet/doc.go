// Package fleet tests what timesink says of many instances of one service: that it names
// the odd one among them, with its cause, and none among healthy ones.
//
// Its tests run instances of the VIN service on this machine, each in a process of its own
// and with a load of its own, and observe them with the command. The quick one has five
// instances. With -long there are 24, which are observed again and again: see .ci/fleet.
package fleet
