package rules

var processCases = []tableCase{
	{"a file's data is synchronized", "syscall.Fdatasync < example.com/bolt.fdatasync < " + handler, "file os" + served},
	{"a file is read at a place", "syscall.pread < syscall.Pread < example.com/bolt.(*DB).pageIn < " + handler, "file os" + served},
	{"a file is written at a place", "syscall.pwrite < syscall.Pwrite < example.com/bolt.(*DB).write < " + handler, "file os" + served},
	{"a file is synchronized by x/sys", "golang.org/x/sys/unix.Fsync < " + handler, "file os" + served},
	{"a file's data is synchronized by x/sys", "golang.org/x/sys/unix.Fdatasync < " + handler, "file os" + served},
	{"a file's pages are dropped", "golang.org/x/sys/unix.Fadvise < " + handler, "file os" + served},
	{"a file gets its room", "golang.org/x/sys/unix.Fallocate < " + handler, "file os" + served},
	{"a mapped file is synchronized", "golang.org/x/sys/unix.Msync < " + handler, "file os" + served},
	{"a file is read at a place by x/sys", "golang.org/x/sys/unix.pread < golang.org/x/sys/unix.Pread < " + handler, "file os" + served},
	{"a file is written at a place by x/sys", "golang.org/x/sys/unix.pwrite < golang.org/x/sys/unix.Pwrite < " + handler, "file os" + served},
	{"a file is locked by another process", "syscall.Flock < example.com/bolt.flock < " + handler, "lock" + served},
	{"a file is locked by another process, by x/sys", "golang.org/x/sys/unix.Flock < " + handler, "lock" + served},
	{"a listener waits for a client", "internal/poll.(*FD).Accept < net.(*netFD).accept < net.(*TCPListener).accept < net.(*TCPListener).Accept < net/http.(*Server).Serve < net/http.(*Server).ListenAndServe < main.main",
		"background at main.main"},
}
