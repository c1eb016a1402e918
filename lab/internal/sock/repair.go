//go:build linux

package sock

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The constants of TCP_REPAIR (include/uapi/linux/tcp.h).
const (
	repairOff = 0
	repairOn  = 1
	sendQueue = 2
)

func ptr(b *[16]byte) unsafe.Pointer { return unsafe.Pointer(b) }

// SetISN chooses the initial sequence number of a socket that has not begun to
// connect. The first octet of data will have the number isn+1.
func (s *Sock) SetISN(isn uint32) {
	s.SetTCP(unix.TCP_REPAIR, repairOn)
	s.SetTCP(unix.TCP_REPAIR_QUEUE, sendQueue)
	s.SetTCP(unix.TCP_QUEUE_SEQ, int(int32(isn)))
	s.SetTCP(unix.TCP_REPAIR, repairOff)
}

// Vanish closes the socket without a segment: the host forgets the connection
// as a crash would make it.
func (s *Sock) Vanish() {
	s.SetTCP(unix.TCP_REPAIR, repairOn)
	s.set.mu.Lock()
	s.set.vanished = append(s.set.vanished, time.Now())
	s.set.mu.Unlock()
	s.Close()
}
