package workload

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// errReply means that the protocol does not allow a server's answer here.
var errReply = errors.New("unexpected answer")

// maxValue bounds a value that a server announces, in bytes: memcached's own limit.
const maxValue = 1 << 20

// bufferSize is that of each direction of a connection, in bytes.
const bufferSize = 64 << 10

// memcachedPipe speaks memcached's text protocol. The Go clients for memcached have one
// operation under way on a connection; an open load needs any number.
type memcachedPipe struct {
	values values
	out    *bufio.Writer
	text   []byte // scratch of the sender
	in     *bufio.Reader
	value  []byte // scratch of the receiver
	key    []byte // scratch of the receiver
}

func newMemcachedPipe(conn net.Conn, v values) *memcachedPipe {
	return &memcachedPipe{values: v, out: bufio.NewWriterSize(conn, bufferSize), in: bufio.NewReaderSize(conn, bufferSize)}
}

func (m *memcachedPipe) send(op operation) error {
	if op.write {
		return m.set(op, "\r\n")
	}
	m.text = append(appendKey(append(m.text[:0], "get "...), op.key), "\r\n"...)
	_, err := m.out.Write(m.text)
	return err
}

func (m *memcachedPipe) set(op operation, end string) error {
	b := appendKey(append(m.text[:0], "set "...), op.key)
	b = append(b, " 0 0 "...)
	b = strconv.AppendInt(b, int64(m.values.size(op.key)), 10)
	b = append(b, end...)
	b = m.values.appendValue(b, op.key, op.version)
	m.text = append(b, "\r\n"...)
	_, err := m.out.Write(m.text)
	return err
}

func (m *memcachedPipe) flush() error { return m.out.Flush() }

func (m *memcachedPipe) receive(op operation) error {
	if op.write {
		return expectLine(m.in, "STORED")
	}
	var err error
	m.key = appendKey(m.key[:0], op.key)
	if m.value, err = readValue(m.in, m.key, m.value[:0]); err != nil {
		return err
	}
	return m.values.check(m.value, op.key, op.version)
}

func (m *memcachedPipe) fill(op operation) error { return m.set(op, " noreply\r\n") }

// filled asks for the version. All that comes before the answer are errors of writes.
func (m *memcachedPipe) filled() error {
	_, err := m.out.WriteString("version\r\n")
	if err == nil {
		err = m.out.Flush()
	}
	if err != nil {
		return err
	}
	line, err := readLine(m.in)
	if err == nil && !bytes.HasPrefix(line, []byte("VERSION ")) {
		err = fmt.Errorf("memcached said %q: %w", line, errReply)
	}
	return err
}

// stats asks for all counters of the server. The pipe is otherwise unused.
func (m *memcachedPipe) stats() (map[string]string, error) {
	_, err := m.out.WriteString("stats\r\n")
	if err == nil {
		err = m.out.Flush()
	}
	if err != nil {
		return nil, err
	}
	return readStats(m.in)
}

// readStats reads the answer to stats.
func readStats(r *bufio.Reader) (map[string]string, error) {
	stats := map[string]string{}
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		if string(line) == "END" {
			return stats, nil
		}
		fields := bytes.SplitN(line, []byte(" "), 3)
		if len(fields) != 3 || string(fields[0]) != "STAT" {
			return nil, fmt.Errorf("memcached said %q among its counters: %w", line, errReply)
		}
		stats[string(fields[1])] = string(fields[2])
	}
}

// readValue reads the answer to a get of one key and appends the value to b. The error for a
// key that the server does not have is errMiss.
func readValue(r *bufio.Reader, key, b []byte) ([]byte, error) {
	line, err := readLine(r)
	if err != nil {
		return b, err
	}
	if string(line) == "END" {
		return b, errMiss
	}
	// VALUE <key> <flags> <bytes>
	fields := bytes.Fields(line)
	if len(fields) != 4 || string(fields[0]) != "VALUE" || !bytes.Equal(fields[1], key) {
		return b, fmt.Errorf("memcached said %q when asked for %s: %w", line, key, errReply)
	}
	n, err := strconv.Atoi(string(fields[3]))
	if err != nil || n < 0 || n > maxValue {
		return b, fmt.Errorf("memcached announces a value of %s bytes: %w", fields[3], errReply)
	}
	begin := len(b)
	b = append(b, make([]byte, n)...)
	if _, err := io.ReadFull(r, b[begin:]); err != nil {
		return b, err
	}
	if err := expectLine(r, ""); err != nil {
		return b, err
	}
	return b, expectLine(r, "END")
}

func expectLine(r *bufio.Reader, want string) error {
	line, err := readLine(r)
	if err == nil && string(line) != want {
		err = fmt.Errorf("memcached said %q and should say %q: %w", line, want, errReply)
	}
	return err
}

// readLine reads a line without its end. It is valid until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("read an answer: %w", err)
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, fmt.Errorf("a line ends without a carriage return: %w", errReply)
	}
	return line, nil
}
