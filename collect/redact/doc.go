// Package redact takes what is private out of a capture, so that it can be
// attached to a ticket that others read.
//
// It stands beside collect, and works on what capture.Open opens: New makes the
// Redactor of a capture, whose Text masks any text about it, also that of a
// report; Capture writes the capture anew with every string of it masked; Private
// lists what would be masked, and where it stands. All three go by the same rules,
// so that a masked report and a report of the masked capture say the same.
//
// How a part is masked follows from its content as capture.Kinds declares it:
// traces, profiles and probes each have their rule, whatever the part is called.
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
// Names of functions, import paths (also where they begin with the name of a
// masked host), line numbers and times: they are the answer. Names of tasks,
// regions, label keys and log categories are constants of the program as a rule
// and only have private text within them masked.
//
// # What cannot be masked
//
// Nothing is written half: a trace of a version of which it is not known where it
// holds text is an error, a profile that cannot be read and a part unknown here are
// left out. A trace that is cut or damaged ends where it did; of its last stretch,
// strings are masked of which it cannot be told any more whether they were logged.
package redact
