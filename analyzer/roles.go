package analyzer

import "github.com/tcpstate/tcpstate/statemachine"

// String returns a short phrase for the summary.
func (r RoleReason) String() string {
	return [...]string{"sent the SYN", "the peer sent SYN-ACK", "by port", "seen first"}[r]
}

// The bounds by which ports tell the roles.
const (
	systemPorts  = 1024  // below: system ports (RFC 6335 §6), where services listen
	dynamicPorts = 32768 // from here on: ports that hosts give to clients (Linux; RFC 6335 §6 begins at 49152)
)

// roles decides from the first segment of a connection whether its sender is
// the client, and says why. A later SYN does not change it.
func roles(seg *statemachine.Segment, srcPort, dstPort uint16) (senderIsClient bool, why RoleReason) {
	switch {
	case seg.IsSYN():
		return true, RoleSYN
	case seg.IsSYNACK():
		return false, RoleSYNACK
	}
	for _, bound := range [...]uint16{systemPorts, dynamicPorts} {
		if (srcPort < bound) != (dstPort < bound) {
			return dstPort < bound, RolePort
		}
	}
	return true, RoleFirstSeen
}
