// Package tracetest provides execution traces for tests: recorded ones, ones written as text,
// and ways to damage both. It has its own knowledge of the format, so that tests do not check
// a decoder against itself.
package tracetest

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ReaderFixtures returns the test traces of golang.org/x/exp/trace by name. Some of them are
// damaged.
func ReaderFixtures(t testing.TB) map[string][]byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/exp").Output()
	if err != nil {
		t.Fatal(err)
	}
	testdata := filepath.Join(strings.TrimSpace(string(dir)), "trace", "testdata")
	all := map[string][]byte{}
	for pattern, parse := range map[string]func(string) ([]byte, error){
		"tests/*.test":      fromText,
		"fuzz/FuzzReader/*": fromCorpus,
	} {
		files, _ := filepath.Glob(filepath.Join(testdata, pattern))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if all[filepath.Base(file)], err = parse(string(text)); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
	}
	return all
}

// EventNames are the names of the event types, as in the reader's fixtures. The type of
// EventNames[i] is i+1.
var EventNames = strings.Fields(`EventBatch Stacks Stack Strings String CPUSamples CPUSample Frequency
	ProcsChange ProcStart ProcStop ProcSteal ProcStatus
	GoCreate GoCreateSyscall GoStart GoDestroy GoDestroySyscall GoStop GoBlock GoUnblock
	GoSyscallBegin GoSyscallEnd GoSyscallEndBlocked GoStatus
	STWBegin STWEnd GCActive GCBegin GCEnd GCSweepActive GCSweepBegin GCSweepEnd
	GCMarkAssistActive GCMarkAssistBegin GCMarkAssistEnd HeapAlloc HeapGoal
	GoLabel UserTaskBegin UserTaskEnd UserRegionBegin UserRegionEnd UserLog
	GoSwitch GoSwitchDestroy GoCreateBlocked GoStatusStack ExperimentalBatch Sync ClockSnapshot EndOfGeneration`)

// fromText encodes a trace given as text: a type and its numbers on each line, a stack's
// frames and a string's bytes on the lines after it.
func fromText(text string) (data []byte, err error) {
	_, text, _ = strings.Cut(text, "-- trace --\n")
	for line := range strings.Lines(text) {
		if data, err = appendText(data, line); err != nil {
			return nil, err
		}
	}
	return data, nil
}

func appendText(data []byte, line string) ([]byte, error) {
	line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
	if quoted, ok := strings.CutPrefix(line, "data="); ok {
		s, err := strconv.Unquote(quoted)
		return append(binary.AppendUvarint(data, uint64(len(s))), s...), err
	}
	if version, ok := strings.CutPrefix(line, "Trace Go"); ok {
		return append(data, "go "+version+" trace\x00\x00\x00"...), nil
	}
	for word := range strings.FieldsSeq(line) {
		_, number, ok := strings.Cut(word, "=")
		if !ok {
			typ := slices.Index(EventNames, word) + 1
			if word == "SpanFree" {
				typ = evSpanFree
			}
			if typ == 0 {
				return nil, fmt.Errorf("no event %q", word)
			}
			data = append(data, byte(typ))
			continue
		}
		if number == "-1" {
			number = strconv.FormatUint(math.MaxUint64, 10)
		}
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return nil, err
		}
		data = binary.AppendUvarint(data, n)
	}
	return data, nil
}

// ByThread encodes a generation given as text, with each batch under a line with its thread,
// "thread 3:". If the text has no header, ByThread adds one of Go 1.22 and a frequency.
func ByThread(t testing.TB, text string) []byte {
	t.Helper()
	if !strings.Contains(text, "Trace") {
		text = "Trace Go1.22\n" + text + "\nthread -1:\nFrequency freq=15625000"
	}
	var data, body, head []byte
	var err error
	end := func() {
		if head != nil {
			data = append(binary.AppendUvarint(append(data, head...), uint64(len(body))), body...)
		}
		head, body = nil, nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		thread, ok := strings.CutPrefix(line, "thread ")
		switch {
		case ok:
			end()
			head, err = appendText(nil, "EventBatch gen=1 m="+strings.TrimSuffix(thread, ":")+" time=1000")
		case head == nil:
			data, err = appendText(data, line)
		default:
			body, err = appendText(body, line)
		}
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	end()
	return data
}

// fromCorpus decodes an entry of a fuzzing corpus.
func fromCorpus(text string) ([]byte, error) {
	_, quoted, _ := strings.Cut(strings.TrimSpace(text), "[]byte(")
	s, err := strconv.Unquote(strings.TrimSuffix(quoted, ")"))
	return []byte(s), err
}
