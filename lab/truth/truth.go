// Package truth holds what the lab recorded of a scenario: the kernel's own
// account of both ends, and the sequence of RFC 9293 states that follows from
// it by the rules of docs/truth.md.
package truth

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Schema is the version of the files' form.
const Schema = 1

// The names of the two sides and of the three taps.
const (
	Client = "client"
	Middle = "middle"
	Server = "server"
)

// File is one recorded scenario. Times are of CLOCK_REALTIME, as in the
// captures, and printed in UTC.
type File struct {
	Schema      int       `json:"schema"`
	Scenario    string    `json:"scenario"`
	Description string    `json:"description"`
	Kernel      string    `json:"kernel"`
	Start       time.Time `json:"start"`
	End         time.Time `json:"end"` // when the recording stopped; what is open then stays open
	// Link is how the hosts were joined: "tun", "tap" (a user-space wire), or
	// "veth" (a router between them).
	Link string `json:"link"`
	// Seed is the seed of random traffic, 0 for a scripted scenario.
	Seed uint64 `json:"seed,omitempty"`
	// Captures are the names of the three captures by tap.
	Captures map[string]string `json:"captures"`
	// Sysctls are the settings that differ from the kernel's defaults, by side.
	Sysctls map[string]map[string]string `json:"sysctls,omitempty"`
	// Counters are the TCP counters of /proc/net/snmp and /proc/net/netstat
	// that moved, by side.
	Counters map[string]map[string]int64 `json:"counters,omitempty"`
	// LostBefore and LostAfter count the packets that the wire dropped
	// before and after the tap in the middle.
	LostBefore int `json:"lost_before"`
	LostAfter  int `json:"lost_after"`
	// Forged are the segments that no TCP sent: the lab put them on the wire.
	Forged []Forged `json:"forged,omitempty"`
	// Connections are the four-tuples, in the order of their first packets
	// or events.
	Connections []Connection `json:"connections"`
	// Events are the tracepoints that fired, in order of time.
	Events []Event `json:"events"`
	// Sightings are what polling inet_diag showed of sockets that the
	// tracepoints do not show.
	Sightings []Sighting `json:"sightings,omitempty"`
}

// Connection is one four-tuple with both ends. Where the tuple was used more
// than once the steps of all sockets follow each other.
type Connection struct {
	Client Endpoint `json:"client"`
	Server Endpoint `json:"server"`
}

// Endpoint is the kernel's account of one end.
type Endpoint struct {
	Addr string `json:"addr"` // address:port, IPv6 in brackets
	// Raw tells that no kernel TCP stands behind the segments of this end:
	// the lab sent them itself. Such an end has no steps.
	Raw bool `json:"raw,omitempty"`
	// Doubt, when not empty, says why the kernel's own record leaves the
	// sequence open; such an end proves nothing and must not be compared.
	Doubt string `json:"doubt,omitempty"`
	// Listening tells that a socket listened on the port when the
	// recording began: the end starts in LISTEN, else in CLOSED.
	Listening bool   `json:"listening,omitempty"`
	Steps     []Step `json:"steps"`
	// Retransmits are the kernel's own retransmissions, in order.
	Retransmits []Retransmit `json:"retransmits,omitempty"`
	// ResetsSent are the resets that the kernel sent, in order.
	ResetsSent []Reset `json:"resets_sent,omitempty"`
	// ResetsReceived are the resets that reached the end's own interface.
	ResetsReceived []Reset `json:"resets_received,omitempty"`
}

// Step is one change of state, named as RFC 9293 does.
type Step struct {
	At   time.Time `json:"at"`
	From string    `json:"from"`
	To   string    `json:"to"`
	// How is "traced" (inet_sock_set_state fired at At), "mini-socket" (the
	// tracepoint said CLOSE, and inet_diag showed the mini-socket that took
	// over), or "diag" (only inet_diag showed it, not earlier than Since and
	// not later than At).
	How   string    `json:"how"`
	Since time.Time `json:"since,omitzero"`
	// Socket counts the sockets of this end from 1.
	Socket int    `json:"socket"`
	Note   string `json:"note,omitempty"`
	// Silent, when not empty, says why no segment shows the step even at the
	// end's own tap: a FIN that never left, or a clock. Who only sees
	// segments cannot know it; whoever compares must count such steps, not
	// pass over them.
	Silent string `json:"silent,omitempty"`
}

// Retransmit is one segment that the kernel sent again.
type Retransmit struct {
	At    time.Time `json:"at"`
	Event string    `json:"event"` // name of the tracepoint
	// Packet is the segment's number in the capture at its sender, from 1.
	Packet int    `json:"packet"`
	Seq    uint32 `json:"seq"`
	Len    uint32 `json:"len"` // sequence numbers, SYN and FIN counted
	Flags  uint8  `json:"flags"`
}

// Reset is one RST.
type Reset struct {
	At     time.Time `json:"at"`
	Packet int       `json:"packet"` // in the end's own capture, from 1; 0 when not captured
	Seq    uint32    `json:"seq"`
	// Reason is the kernel's reason for a reset that it sent, as the
	// tracepoint prints it.
	Reason string `json:"reason,omitempty"`
	// Verdict, of a reset received: "taken" (the kernel ended the
	// connection because of it), "challenged" (it answered with an ACK),
	// "ignored" (nothing happened), or "no-socket".
	Verdict string `json:"verdict,omitempty"`
	// How names the evidence for the verdict: "traced" (tcp_receive_reset),
	// "diag" (a mini-socket went), "captured" (the challenge ACK left).
	How string `json:"how,omitempty"`
}

// Event is one tracepoint.
type Event struct {
	At     time.Time `json:"at"`
	Side   string    `json:"side"`
	Name   string    `json:"name"`
	Local  string    `json:"local"`
	Remote string    `json:"remote"`
	Old    string    `json:"old,omitempty"` // as the kernel spells it, without TCP_
	New    string    `json:"new,omitempty"`
	State  string    `json:"state,omitempty"`
	Reason string    `json:"reason,omitempty"`
	// Err is the error number of inet_sk_error_report, or of a retransmission
	// that could not leave the host.
	Err int `json:"err,omitempty"`
}

// Sighting is a socket in one state as successive dumps of inet_diag showed
// it.
type Sighting struct {
	Side   string `json:"side"`
	Local  string `json:"local"`
	Remote string `json:"remote"`
	State  string `json:"state"` // SYN-RECEIVED, FIN-WAIT-2 or TIME-WAIT
	// Kind is "request" (a request socket), "mini" (a time-wait mini-socket)
	// or "full".
	Kind   string    `json:"kind"`
	Before time.Time `json:"before"` // the last dump without it
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	// Gone is the first dump without it; zero when it was still there at
	// the end.
	Gone time.Time `json:"gone,omitzero"`
}

// Forged is one segment that the lab made.
type Forged struct {
	At    time.Time `json:"at"`
	From  string    `json:"from"` // the address that it claims
	To    string    `json:"to"`
	Flags uint8     `json:"flags"`
	Seq   uint32    `json:"seq"`
	Ack   uint32    `json:"ack"`
	Len   uint32    `json:"len"` // payload octets
	Note  string    `json:"note,omitempty"`
}

// Load reads a truth file; a name that ends in .gz is decompressed.
func Load(path string) (*File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err == nil {
			b, err = io.ReadAll(z)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	f := &File{}
	if err := json.Unmarshal(b, f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if f.Schema != Schema {
		return nil, fmt.Errorf("%s: schema %d, this program reads %d", path, f.Schema, Schema)
	}
	return f, nil
}

// LoadDir reads the truth of the scenario in dir, compressed or not. The names
// in its Captures are of files in dir.
func LoadDir(dir string) (*File, error) {
	f, err := Load(filepath.Join(dir, "truth.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Load(filepath.Join(dir, "truth.json.gz"))
	}
	return f, err
}

// Save writes a truth file; a name that ends in .gz is compressed.
func (f *File) Save(path string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if !strings.HasSuffix(path, ".gz") {
		e.SetIndent("", " ")
	}
	if err := e.Encode(f); err != nil {
		return err
	}
	out := b.Bytes()
	if strings.HasSuffix(path, ".gz") {
		var z bytes.Buffer
		w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		out = z.Bytes()
	}
	return os.WriteFile(path, out, 0o644)
}
