package capture

import (
	"github.com/tcpstate/tcpstate/analyzer"
)

// step names what stands at an offset of a frame. Decoding is a walk: each
// step peels one header and names what follows it and where. What a number of
// some registry announces is in linkStep, etherStep, protoStep, greStep, and
// udpStep: to decode another encapsulation is a line in one of them, a step
// here, and a line in peel.
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
		s, off = d.peel(s, p, off)
	}
	if s != stop {
		p.Skip = analyzer.SkipTunnel
	}
}

// peel peels the header of one step.
func (d *Decoder) peel(s step, p *analyzer.Packet, off int) (step, int) { //nolint:cyclop // a table
	switch s {
	case stepEthernet:
		return d.ethernet(p, off)
	case stepIPv4:
		return d.ipv4(p, off)
	case stepIPv6:
		return d.ipv6(p, off)
	case stepTCP:
		d.segment(p, off, d.end)
		return stop, off
	case stepUDP:
		return udp(p, off)
	case stepVLAN:
		return d.vlanTag(p, off)
	case stepLLC:
		return llc(p, off)
	case stepIP:
		return raw(p, off)
	case stepCooked:
		return cooked(p, off+14, off+sllLen)
	case stepCooked2:
		return cooked(p, off, off+sll2Len)
	case stepNull:
		return loopback(p, off)
	case stepPPP:
		return ppp(p, off)
	case stepPPPHDLC:
		return pppHDLC(p, off)
	case stepPPPProtocol:
		return pppProtocol(p, off)
	case stepCiscoHDLC:
		return ciscoHDLC(p, off)
	case stepTokenRing:
		return tokenRing(p, off)
	case stepFDDI:
		return fddi(p, off)
	case stepFrameRelay:
		return frameRelay(p, off)
	case stepRadiotap:
		return d.radiotap(p, off)
	case stepPrism:
		return prism(p, off)
	case stepPPI:
		return ppi(p, off)
	case stepWLAN:
		return d.wlan(p, off)
	case stepNFLOG:
		return nflog(p, off)
	case stepJuniper:
		return juniper(p, off)
	case stepPFLog:
		return pflog(p, off)
	case stepENC:
		return enc(p, off)
	case stepPKTAP:
		return pktap(p, off)
	case stepMPLS:
		return mpls(p, off)
	case stepPPPoE:
		return pppoe(p, off)
	case stepPBB:
		return pbb(p, off)
	case stepVNTag:
		return tag(p, off, 4)
	case stepETag:
		return tag(p, off, 6)
	case stepMACsec:
		return macsec(p, off)
	case stepTRILL:
		return trill(p, off)
	case stepNSH:
		return nsh(p, off)
	case stepIPInIP:
		return ipInIP(p, off)
	case stepGRE:
		return gre(p, off)
	case stepEtherIP:
		return etherIP(p, off)
	case stepMPLSInIP:
		into(p, "mpls", 0)
		return stepMPLS, off
	case stepVXLAN:
		return vxlan(p, off, false)
	case stepVXLANGPE:
		return vxlan(p, off, true)
	case stepGeneve:
		return geneve(p, off)
	case stepGTPU:
		return gtpu(p, off)
	case stepTeredo:
		return teredo(p, off)
	case stepL2TP:
		return l2tp(p, off)
	case stepAYIYA:
		return ayiya(p, off)
	case stepTZSP:
		return tzsp(p, off)
	case stepERSPAN:
		return erspan(p, off, 8)
	case stepERSPAN3:
		return erspan(p, off, 12)
	case stepWCCP:
		return wccp(p, off)
	case stepICMP4, stepICMP6:
		return icmp(p, off, s == stepICMP6)
	case stepNotIP:
		return end(p, analyzer.SkipNotIP)
	case stepNotTCP:
		return end(p, analyzer.SkipNotTCP)
	case stepTunnel:
		return end(p, analyzer.SkipTunnel)
	case stepEncrypted:
		return end(p, analyzer.SkipEncrypted)
	case stepLink:
		return end(p, analyzer.SkipLink)
	case stop:
	}
	return stop, off
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

// linkStep returns the step of a link type; stepLink when it is not decoded.
func linkStep(l analyzer.LinkType) step {
	switch l {
	case analyzer.LinkEthernet:
		return stepEthernet
	case analyzer.LinkNull, analyzer.LinkLoop:
		return stepNull
	case analyzer.LinkRaw, analyzer.LinkRawOld, analyzer.LinkRawBSD:
		return stepIP
	case analyzer.LinkIPv4:
		return stepIPv4
	case analyzer.LinkIPv6:
		return stepIPv6
	case analyzer.LinkSLL:
		return stepCooked
	case analyzer.LinkSLL2:
		return stepCooked2
	case analyzer.LinkPPP, analyzer.LinkPPPD:
		return stepPPP
	case analyzer.LinkPPPHDLC:
		return stepPPPHDLC
	case analyzer.LinkPPPoE:
		return stepPPPoE
	case analyzer.LinkCHDLC:
		return stepCiscoHDLC
	case analyzer.LinkTokenRing:
		return stepTokenRing
	case analyzer.LinkFDDI:
		return stepFDDI
	case analyzer.LinkATMRFC1483:
		return stepLLC
	case analyzer.LinkFrameRelay:
		return stepFrameRelay
	case analyzer.LinkWLAN:
		return stepWLAN
	case analyzer.LinkPrism, analyzer.LinkAVS:
		return stepPrism
	case analyzer.LinkRadiotap:
		return stepRadiotap
	case analyzer.LinkPPI:
		return stepPPI
	case analyzer.LinkNFLOG:
		return stepNFLOG
	case analyzer.LinkJuniperEthernet:
		return stepJuniper
	case analyzer.LinkPFLog:
		return stepPFLog
	case analyzer.LinkENC:
		return stepENC
	case analyzer.LinkPKTAP:
		return stepPKTAP
	case analyzer.LinkMPLS:
		return stepMPLS
	}
	return stepLink
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

// protoStep returns the step of an IP protocol number (IANA).
func protoStep(proto uint8) step {
	switch proto {
	case protoTCP:
		return stepTCP
	case protoUDP:
		return stepUDP
	case protoICMP:
		return stepICMP4
	case protoICMPv6:
		return stepICMP6
	case protoIPv4, protoIPv6, protoIPIP, protoEncap:
		return stepIPInIP
	case protoGRE:
		return stepGRE
	case protoEtherIP:
		return stepEtherIP
	case protoMPLS:
		return stepMPLSInIP
	case protoESP:
		return stepEncrypted
	case protoL2TPv3, protoMobile, protoIPComp:
		return stepTunnel
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
