// Package redact removes private data from a capture, so that it can be attached to a
// ticket that others read.
//
// It stands beside collect and works on what capture.Open opens. New returns the
// Redactor of a capture, whose Text masks any text about it, such as a report. Capture
// writes a copy of the capture with every string masked. Private lists what would be
// masked, and in which part. All three apply the same rules, so a masked report and a
// report of the masked capture say the same.
//
// How a part is masked follows from its content as capture.Kinds declares it: there is
// one rule each for traces, profiles and probes, whatever the name of the part.
//
// # What is masked
//
//	host names     of the target and of the probed URLs, of any URL, and where an
//	               error names one: [host]. Ports stay. So do localhost and the
//	               addresses that are the same for everybody, 127.0.0.1, ::1, 0.0.0.0
//	addresses      other IP addresses: [host]
//	query strings  of URLs and routes: ?[query]. Patterns of routes stay
//	users          in URLs, connection strings and errors: [user]
//	homes          /home/NAME, /Users/NAME, /root, C:\Users\NAME and the like: /[home].
//	               What follows stays: /[home]/go/pkg/mod/github.com/acme/driver@v1.2.0
//	header values  where a text quotes a header: Name: [value]
//	secrets        tokens and passwords: [value]
//	e-mail         [email]
//	values         what the service's own code wrote down: messages of trace.Log, and
//	               values of profiler labels other than small numbers, true, false
//	               and HTTP methods: [value]
//
// # What is not
//
// Names of functions, import paths (even if they begin with the name of a masked host),
// line numbers and times are not masked: they are the answer. Names of tasks, regions,
// label keys and log categories are usually constants of the program; only private text
// within them is masked.
//
// # What cannot be masked
//
// Nothing is masked in part: a trace of an unknown version, whose text cannot be
// located, is an error; an unreadable profile and an unknown part are left out. A trace
// that is cut or damaged ends where it did. In its last generation, a string that may
// have been logged is masked even if the event that would show it is missing.
package redact
