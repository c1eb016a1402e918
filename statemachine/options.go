package statemachine

// OptionSet tells which options a segment carries in a well-formed way.
type OptionSet uint16

// The options that the observer uses.
const (
	OptMSS       OptionSet = 1 << iota // RFC 9293 §3.7.1
	OptWScale                          // RFC 7323 §2
	OptSACKPerm                        // RFC 2018 §2
	OptSACK                            // RFC 2018 §3
	OptTimestamp                       // RFC 7323 §3
	OptFastOpen                        // RFC 7413 §4.1.1, kind 34 or 254 with magic 0xF989
	OptMD5                             // RFC 2385
	OptAO                              // RFC 5925
	OptMPTCP                           // RFC 8684
	OptUTO                             // RFC 5482
	OptOther                           // any kind not named here
	OptBad                             // the list is malformed; what stood before the damage counts
	OptCut                             // the list goes on behind the captured bytes
	OptPadded                          // four or more no-operations in a row, which aligning does not need
	OptScaleLate                       // the window scale behind the MSS and timestamps or SACK-permitted, and not before that: as Linux has it, and BSD, macOS, Solaris and Windows do not
)

// SACKBlock is one block of a SACK option: the octets left =< n < right have
// arrived (RFC 2018 §3).
type SACKBlock struct{ Left, Right Seq }

// Options holds the option values of one segment. A value means something
// only when its bit is set in Set.
type Options struct {
	Set    OptionSet
	MSS    uint16 // octets
	WScale uint8  // as sent; more than 14 counts as 14 (RFC 7323 §2.3)
	NSACK  uint8  // blocks in SACK, 0 to 4
	TFOLen uint8  // octets of Fast Open cookie; 0 asks for one (RFC 7413 §4.1.1)
	TSVal  uint32 // RFC 7323 §3.2, in the sender's own ticks
	TSEcr  uint32 // RFC 7323 §3.2, valid only with ACK
	SACK   [4]SACKBlock
}

// Has reports whether all options of o are present.
func (p *Options) Has(o OptionSet) bool { return p.Set&o == o }
