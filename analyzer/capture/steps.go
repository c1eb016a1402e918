package capture

import (
	"github.com/tcpstate/tcpstate/analyzer"
)

// step names what stands at an offset of a frame. Decoding is a walk: each
// step peels one header and names what follows it and where. What a number of
// some registry announces is in linkStep, etherStep, protoStep, greStep, and
// udpStep: to decode another encapsulation is a line in one of them, a step
// here, and a line in peelers.
type step uint8

const (
	stop step = iota // the segment was reached, or the reason why not is noted

	// Link layers.
	stepEthernet
	stepNull
	stepPPP
	stepPPPHDLC
	stepCiscoHDLC
	stepCooked
	stepCooked2
	stepTokenRing
	stepFDDI
	stepFrameRelay
	stepRadiotap
	stepPrism
	stepPPI
	stepWLAN
	stepNFLOG
	stepJuniper
	stepPFLog
	stepENC
	stepPKTAP

	// Between link layer and IP.
	stepLLC
	stepVLAN
	stepMPLS
	stepPPPoE
	stepPPPProtocol
	stepPBB
	stepVNTag
	stepETag
	stepMACsec
	stepTRILL
	stepNSH

	// IP, and what carries packets over it.
	stepIP // by its version nibble
	stepIPv4
	stepIPv6
	stepTCP
	stepUDP
	stepICMP4
	stepICMP6
	stepIPInIP
	stepGRE
	stepEtherIP
	stepMPLSInIP
	stepVXLAN
	stepVXLANGPE
	stepGeneve
	stepGTPU
	stepTeredo
	stepL2TP
	stepAYIYA
	stepTZSP
	stepERSPAN
	stepERSPAN3
	stepWCCP

	// Ends.
	stepNotIP
	stepNotTCP
	stepTunnel    // another packet inside that is not decoded
	stepEncrypted // nobody without the key sees what is inside
	stepLink      // no such link layer

	numSteps = iota
)

// maxSteps bounds the headers of one frame. Real ones have fewer than ten;
// hostile ones nest packets as long as the frame lasts.
const maxSteps = 40

// walk peels headers from off on, the first of which is s.
func (d *Decoder) walk(p *analyzer.Packet, s step, off int) {
	for range maxSteps {
		if s == stop {
			return
		}
		s, off = peelers[s](d, p, off)
	}
	if s != stop {
		p.Skip = analyzer.SkipTunnel
	}
}

// peeler peels the header at off and names what follows it, and where.
type peeler func(d *Decoder, p *analyzer.Packet, off int) (step, int)

// header is a peeler that needs nothing of the decoder.
func header(peel func(p *analyzer.Packet, off int) (step, int)) peeler {
	return func(_ *Decoder, p *analyzer.Packet, off int) (step, int) { return peel(p, off) }
}

// sized is a peeler of headers that come in several lengths, of which this is n
// octets.
func sized(peel func(p *analyzer.Packet, off, n int) (step, int), n int) peeler {
	return func(_ *Decoder, p *analyzer.Packet, off int) (step, int) { return peel(p, off, n) }
}

// either is a peeler of headers that come in two forms.
func either(peel func(p *analyzer.Packet, off int, second bool) (step, int), second bool) peeler {
	return func(_ *Decoder, p *analyzer.Packet, off int) (step, int) { return peel(p, off, second) }
}

// ends is a peeler at which the walk ends for a reason.
func ends(why analyzer.Skip) peeler {
	return func(_ *Decoder, p *analyzer.Packet, _ int) (step, int) { return end(p, why) }
}

// peelers holds the peeler of each step but stop.
var peelers = [numSteps]peeler{
	stepEthernet:    (*Decoder).ethernet,
	stepNull:        header(loopback),
	stepPPP:         header(ppp),
	stepPPPHDLC:     header(pppHDLC),
	stepCiscoHDLC:   header(ciscoHDLC),
	stepCooked:      sized(cooked, sllLen),
	stepCooked2:     sized(cooked, sll2Len),
	stepTokenRing:   header(tokenRing),
	stepFDDI:        header(fddi),
	stepFrameRelay:  header(frameRelay),
	stepRadiotap:    (*Decoder).radiotap,
	stepPrism:       header(prism),
	stepPPI:         header(ppi),
	stepWLAN:        (*Decoder).wlan,
	stepNFLOG:       header(nflog),
	stepJuniper:     header(juniper),
	stepPFLog:       header(pflog),
	stepENC:         header(enc),
	stepPKTAP:       header(pktap),
	stepLLC:         header(llc),
	stepVLAN:        (*Decoder).vlanTag,
	stepMPLS:        header(mpls),
	stepPPPoE:       header(pppoe),
	stepPPPProtocol: header(pppProtocol),
	stepPBB:         header(pbb),
	stepVNTag:       sized(tag, 4),
	stepETag:        sized(tag, 6),
	stepMACsec:      header(macsec),
	stepTRILL:       header(trill),
	stepNSH:         header(nsh),
	stepIP:          header(raw),
	stepIPv4:        (*Decoder).ipv4,
	stepIPv6:        (*Decoder).ipv6,
	stepTCP:         (*Decoder).lastStep,
	stepUDP:         header(udp),
	stepICMP4:       either(icmp, false),
	stepICMP6:       either(icmp, true),
	stepIPInIP:      header(ipInIP),
	stepGRE:         header(gre),
	stepEtherIP:     header(etherIP),
	stepMPLSInIP:    header(mplsInIP),
	stepVXLAN:       either(vxlan, false),
	stepVXLANGPE:    either(vxlan, true),
	stepGeneve:      header(geneve),
	stepGTPU:        header(gtpu),
	stepTeredo:      header(teredo),
	stepL2TP:        header(l2tp),
	stepAYIYA:       header(ayiya),
	stepTZSP:        header(tzsp),
	stepERSPAN:      sized(erspan, 8),
	stepERSPAN3:     sized(erspan, 12),
	stepWCCP:        header(wccp),
	stepNotIP:       ends(analyzer.SkipNotIP),
	stepNotTCP:      ends(analyzer.SkipNotTCP),
	stepTunnel:      ends(analyzer.SkipTunnel),
	stepEncrypted:   ends(analyzer.SkipEncrypted),
	stepLink:        ends(analyzer.SkipLink),
}

// end ends the walk for a reason.
func end(p *analyzer.Packet, why analyzer.Skip) (step, int) {
	p.Skip = why
	return stop, 0
}

// cut reports that fewer than n octets from off on were captured.
func cut(p *analyzer.Packet, off, n int) bool { return len(p.Frame)-off < n }

// truncated ends the walk where the captured octets do.
func truncated(p *analyzer.Packet) (step, int) { return end(p, analyzer.SkipTruncated) }

// malformed ends the walk at a header that contradicts itself.
func malformed(p *analyzer.Packet) (step, int) { return end(p, analyzer.SkipMalformed) }

// linkSteps holds the steps of the link types that are decoded.
var linkSteps = [...]step{
	analyzer.LinkEthernet:        stepEthernet,
	analyzer.LinkNull:            stepNull,
	analyzer.LinkLoop:            stepNull,
	analyzer.LinkRaw:             stepIP,
	analyzer.LinkRawOld:          stepIP,
	analyzer.LinkRawBSD:          stepIP,
	analyzer.LinkIPv4:            stepIPv4,
	analyzer.LinkIPv6:            stepIPv6,
	analyzer.LinkSLL:             stepCooked,
	analyzer.LinkSLL2:            stepCooked2,
	analyzer.LinkPPP:             stepPPP,
	analyzer.LinkPPPD:            stepPPP,
	analyzer.LinkPPPHDLC:         stepPPPHDLC,
	analyzer.LinkPPPoE:           stepPPPoE,
	analyzer.LinkCHDLC:           stepCiscoHDLC,
	analyzer.LinkTokenRing:       stepTokenRing,
	analyzer.LinkFDDI:            stepFDDI,
	analyzer.LinkATMRFC1483:      stepLLC,
	analyzer.LinkFrameRelay:      stepFrameRelay,
	analyzer.LinkWLAN:            stepWLAN,
	analyzer.LinkPrism:           stepPrism,
	analyzer.LinkAVS:             stepPrism,
	analyzer.LinkRadiotap:        stepRadiotap,
	analyzer.LinkPPI:             stepPPI,
	analyzer.LinkNFLOG:           stepNFLOG,
	analyzer.LinkJuniperEthernet: stepJuniper,
	analyzer.LinkPFLog:           stepPFLog,
	analyzer.LinkENC:             stepENC,
	analyzer.LinkPKTAP:           stepPKTAP,
	analyzer.LinkMPLS:            stepMPLS,
}

// linkStep returns the step of a link type; stepLink when it is not decoded.
func linkStep(l analyzer.LinkType) step {
	if int64(l) >= int64(len(linkSteps)) || linkSteps[l] == stop {
		return stepLink
	}
	return linkSteps[l]
}

// etherStep returns the step of an EtherType (IEEE registry).
func etherStep(t uint16) step {
	switch t {
	case etherIPv4:
		return stepIPv4
	case etherIPv6:
		return stepIPv6
	case etherVLAN, etherQinQ, etherVLAN9100, etherVLAN9200:
		return stepVLAN
	case etherMPLS, etherMPLSMulti:
		return stepMPLS
	case etherPPPoE:
		return stepPPPoE
	case etherPBB:
		return stepPBB
	case etherVNTag:
		return stepVNTag
	case etherETag:
		return stepETag
	case etherMACsec:
		return stepMACsec
	case etherTRILL:
		return stepTRILL
	case etherNSH:
		return stepNSH
	case etherTEB:
		return stepEthernet
	}
	return stepNotIP
}

// etherOrLLC is etherStep for a field that may hold a length instead (IEEE
// 802.3 §3.2.6); then LLC follows.
func etherOrLLC(t uint16) step {
	if t <= maxLength8023 {
		return stepLLC
	}
	return etherStep(t)
}

// greStep returns the step of GRE's protocol type: an EtherType, or one that
// has a meaning in GRE only.
func greStep(t uint16, sequenced bool) step {
	switch {
	case t == greERSPAN && sequenced:
		return stepERSPAN
	case t == greERSPAN: // type I: the frame follows at once
		return stepEthernet
	case t == greERSPAN3:
		return stepERSPAN3
	case t == greWCCP:
		return stepWCCP
	case t == grePPP:
		return stepPPPProtocol
	case t&0xff0f == greAruba:
		return stepWLAN
	}
	return etherStep(t)
}

// protoSteps holds the steps of IP protocol numbers (IANA).
var protoSteps = [256]step{
	protoTCP:     stepTCP,
	protoUDP:     stepUDP,
	protoICMP:    stepICMP4,
	protoICMPv6:  stepICMP6,
	protoIPv4:    stepIPInIP,
	protoIPv6:    stepIPInIP,
	protoIPIP:    stepIPInIP,
	protoEncap:   stepIPInIP,
	protoGRE:     stepGRE,
	protoEtherIP: stepEtherIP,
	protoMPLS:    stepMPLSInIP,
	protoESP:     stepEncrypted,
	protoL2TPv3:  stepTunnel,
	protoMobile:  stepTunnel,
	protoIPComp:  stepTunnel,
}

// protoStep returns the step of an IP protocol number; stepNotTCP where that
// is none of a segment or of another packet inside.
func protoStep(proto uint8) step {
	if s := protoSteps[proto]; s != stop {
		return s
	}
	return stepNotTCP
}

// udpStep returns the step of a UDP port whose payload is another packet.
func udpStep(port uint16) step {
	switch port {
	case portVXLAN, portVXLANOld:
		return stepVXLAN
	case portVXLANGPE:
		return stepVXLANGPE
	case portGeneve:
		return stepGeneve
	case portGTPU:
		return stepGTPU
	case portTeredo:
		return stepTeredo
	case portL2TP:
		return stepL2TP
	case portAYIYA:
		return stepAYIYA
	case portTZSP:
		return stepTZSP
	case portMPLS:
		return stepMPLSInIP
	case portGRE:
		return stepGRE
	}
	return stepNotTCP
}
