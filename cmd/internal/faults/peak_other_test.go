//go:build !linux

package faults_test

// A peak is not known on this system.
type peak struct{}

func watchPeak(int) *peak { return &peak{} }

func (*peak) stop() int64 { return 0 }
