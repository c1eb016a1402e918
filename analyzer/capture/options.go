package capture

import "github.com/tcpstate/tcpstate/statemachine"

// TCP option kinds (IANA).
const (
	kindEnd         = 0
	kindNop         = 1
	kindMSS         = 2
	kindWScale      = 3
	kindSACKPerm    = 4
	kindSACK        = 5
	kindTimestamp   = 8
	kindMD5         = 19
	kindUTO         = 28
	kindAO          = 29
	kindMPTCP       = 30
	kindFastOpen    = 34
	kindExperiment1 = 253 // RFC 4727 §7.2
	kindExperiment2 = 254
)

// fastOpenMagic is the experiment identifier of Fast Open (RFC 7413 appendix A).
const fastOpenMagic = 0xf989

// options reads the option list b (RFC 9293 §3.1) of a header that holds full
// octets of options, of which only len(b) were captured. An option whose length
// field cannot be followed ends the list; one that has merely the wrong length
// for its kind is marked and passed over, as receivers do.
func options(o *statemachine.Options, b []byte, full int) {
	const padded = 4     // no-operations in a row
	cut := full - len(b) // octets of the list that were not captured
	nops := 0
	for len(b) > 0 {
		switch b[0] {
		case kindEnd:
			return
		case kindNop:
			if nops++; nops == padded {
				o.Set |= statemachine.OptPadded
			}
			b = b[1:]
			continue
		}
		nops = 0
		if len(b) < 2 {
			o.Set |= missing(cut >= 1)
			return
		}
		n := int(b[1])
		if n < 2 || n > len(b) {
			o.Set |= missing(n >= 2 && n <= len(b)+cut)
			return
		}
		option(o, b[0], b[2:n])
		b = b[n:]
	}
	if cut > 0 {
		o.Set |= statemachine.OptCut
	}
}

// missing returns the mark for an option that is not whole: cut by the capture,
// or bad by itself.
func missing(cut bool) statemachine.OptionSet {
	if cut {
		return statemachine.OptCut
	}
	return statemachine.OptBad
}

// option notes one option of the given kind with its value v.
func option(o *statemachine.Options, kind byte, v []byte) {
	switch kind {
	case kindMSS: // RFC 9293 §3.2
		if fits(o, statemachine.OptMSS, len(v) == 2) {
			o.MSS = be16(v)
		}
	case kindWScale: // RFC 7323 §2.2
		if fits(o, statemachine.OptWScale, len(v) == 1) {
			o.WScale = v[0]
			if o.Has(statemachine.OptMSS) && o.Set&(statemachine.OptSACKPerm|statemachine.OptTimestamp) != 0 {
				o.Set |= statemachine.OptScaleLate
			}
		}
	case kindSACKPerm: // RFC 2018 §2
		fits(o, statemachine.OptSACKPerm, len(v) == 0)
		o.Set &^= statemachine.OptScaleLate
	case kindSACK: // RFC 2018 §3
		if fits(o, statemachine.OptSACK, len(v) >= 8 && len(v) <= 32 && len(v)%8 == 0) {
			sackBlocks(o, v)
		}
	case kindTimestamp: // RFC 7323 §3.2
		if fits(o, statemachine.OptTimestamp, len(v) == 8) {
			o.TSVal, o.TSEcr = be32(v), be32(v[4:])
		}
	case kindFastOpen: // RFC 7413 §4.1.1
		if fits(o, statemachine.OptFastOpen, cookieFits(len(v))) {
			o.TFOLen = uint8(len(v))
		}
	case kindExperiment1, kindExperiment2:
		if len(v) < 2 || be16(v) != fastOpenMagic {
			o.Set |= statemachine.OptOther
		} else if fits(o, statemachine.OptFastOpen, cookieFits(len(v)-2)) {
			o.TFOLen = uint8(len(v) - 2)
		}
	case kindMD5: // RFC 2385 §3.0
		fits(o, statemachine.OptMD5, len(v) == 16)
	case kindAO: // RFC 5925 §2.2
		fits(o, statemachine.OptAO, len(v) >= 2)
	case kindMPTCP: // RFC 8684 §3
		fits(o, statemachine.OptMPTCP, len(v) >= 1)
	case kindUTO: // RFC 5482 §3
		fits(o, statemachine.OptUTO, len(v) == 2)
	default:
		o.Set |= statemachine.OptOther
	}
}

// fits notes the option when its length is right, and a bad one otherwise.
func fits(o *statemachine.Options, s statemachine.OptionSet, ok bool) bool {
	if !ok {
		s = statemachine.OptBad
	}
	o.Set |= s
	return ok
}

// cookieFits reports whether a Fast Open cookie may have n octets: none, which
// asks for one, or 4 to 16, even (RFC 7413 §4.1.1).
func cookieFits(n int) bool { return n == 0 || n >= 4 && n <= 16 && n%2 == 0 }

// sackBlocks reads one to four blocks of 8 octets.
func sackBlocks(o *statemachine.Options, v []byte) {
	o.NSACK = uint8(len(v) / 8)
	for i := range int(o.NSACK) {
		o.SACK[i] = statemachine.SACKBlock{
			Left:  statemachine.Seq(be32(v[8*i:])),
			Right: statemachine.Seq(be32(v[8*i+4:])),
		}
	}
}
