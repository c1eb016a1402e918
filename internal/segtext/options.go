package segtext

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/statemachine"
)

// bareOptions are the options of which a segment keeps no value, in the order
// in which they are printed.
var bareOptions = [...]struct {
	bit  statemachine.OptionSet
	name string
}{
	{statemachine.OptMD5, "md5"},
	{statemachine.OptAO, "tcp-ao"},
	{statemachine.OptMPTCP, "mptcp"},
	{statemachine.OptUTO, "uto"},
	{statemachine.OptOther, "unknown"},
	{statemachine.OptBad, "bad"},
	{statemachine.OptCut, "cut"},
}

// parseOptions reads what stands between < and >.
func parseOptions(list string, o *statemachine.Options) error {
	for text := range strings.SplitSeq(list, ",") {
		bit, err := parseOption(strings.Fields(text), o)
		if err == nil && o.Has(bit) && bit != 0 {
			err = errors.New("given twice")
		}
		if err != nil {
			return fmt.Errorf("option %q: %w", text, err)
		}
		o.Set |= bit
	}
	return nil
}

// parseOption reads one option into o and returns its bit; 0 for padding.
func parseOption(w []string, o *statemachine.Options) (statemachine.OptionSet, error) {
	if len(w) == 0 {
		return 0, errors.New("empty")
	}
	switch w[0] {
	case "nop", "eol":
		return 0, takes(w, 1)
	case "mss":
		n, err := option(w, 2, 1, 16)
		o.MSS = uint16(n)
		return statemachine.OptMSS, err
	case "wscale":
		n, err := option(w, 2, 1, 8)
		o.WScale = uint8(n)
		if o.Has(statemachine.OptMSS) && o.Set&(statemachine.OptSACKPerm|statemachine.OptTimestamp) != 0 {
			return statemachine.OptWScale | statemachine.OptScaleLate, err
		}
		return statemachine.OptWScale, err
	case "sackOK":
		o.Set &^= statemachine.OptScaleLate
		return statemachine.OptSACKPerm, takes(w, 1)
	case "sack":
		return statemachine.OptSACK, parseSACK(w, o)
	case "TS":
		return statemachine.OptTimestamp, parseTimestamp(w, o)
	case "tfo":
		return statemachine.OptFastOpen, parseFastOpen(w, o)
	}
	for _, b := range bareOptions {
		if w[0] == b.name {
			return b.bit, takes(w, 1)
		}
	}
	return 0, errors.New("unknown name")
}

func takes(w []string, n int) error {
	if len(w) != n {
		return fmt.Errorf("%s takes %d words", w[0], n-1)
	}
	return nil
}

// option reads the number at place i of an option of n words.
func option(w []string, n, i, bits int) (uint64, error) {
	if err := takes(w, n); err != nil {
		return 0, err
	}
	return number(w[0], w[i], bits)
}

func parseTimestamp(w []string, o *statemachine.Options) error {
	if len(w) != 5 || w[1] != "val" || w[3] != "ecr" {
		return errors.New("not like TS val 1 ecr 2")
	}
	val, err1 := number("val", w[2], 32)
	ecr, err2 := number("ecr", w[4], 32)
	o.TSVal, o.TSEcr = uint32(val), uint32(ecr)
	return errors.Join(err1, err2)
}

func parseFastOpen(w []string, o *statemachine.Options) error {
	if len(w) == 2 && w[1] == "cookiereq" {
		return nil
	}
	n, err := option(w, 2, 1, 8)
	if err == nil && (n < 4 || n > 16 || n%2 != 0) { // RFC 7413 §4.1.1
		err = errors.New("a cookie has 4 to 16 octets, an even number")
	}
	o.TFOLen = uint8(n)
	return err
}

// parseSACK reads "sack N {L:R}…" with N blocks.
func parseSACK(w []string, o *statemachine.Options) error {
	const shape = "not like sack 1 {201:301}, with at most four blocks"
	if len(w) < 2 || len(w) > 3 {
		return errors.New(shape)
	}
	n, err := number("sack", w[1], 8)
	if err != nil || n > uint64(len(o.SACK)) {
		return errors.New(shape)
	}
	rest := strings.Join(w[2:], "")
	for i := range n {
		block, tail, ok1 := strings.Cut(rest, "}")
		block, ok2 := strings.CutPrefix(block, "{")
		left, right, ok3 := strings.Cut(block, ":")
		if !ok1 || !ok2 || !ok3 {
			return errors.New(shape)
		}
		l, err1 := number("sack", left, 32)
		r, err2 := number("sack", right, 32)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		o.SACK[i] = statemachine.SACKBlock{Left: statemachine.Seq(l), Right: statemachine.Seq(r)}
		rest = tail
	}
	if rest != "" {
		return errors.New(shape)
	}
	o.NSACK = uint8(n)
	return nil
}

// appendOptions writes what stands between < and >, in the order in which
// Linux sends the options.
func appendOptions(b []byte, o *statemachine.Options) []byte {
	start := len(b)
	add := func(bit statemachine.OptionSet, text func([]byte) []byte) {
		if !o.Has(bit) {
			return
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = text(b)
	}
	add(statemachine.OptMSS, func(b []byte) []byte { return appendNumber(b, "mss ", uint64(o.MSS)) })
	add(statemachine.OptSACKPerm, func(b []byte) []byte { return append(b, "sackOK"...) })
	add(statemachine.OptTimestamp, func(b []byte) []byte {
		return appendNumber(appendNumber(b, "TS val ", uint64(o.TSVal)), " ecr ", uint64(o.TSEcr))
	})
	add(statemachine.OptWScale, func(b []byte) []byte { return appendNumber(b, "wscale ", uint64(o.WScale)) })
	add(statemachine.OptSACK, func(b []byte) []byte { return appendSACK(b, o) })
	add(statemachine.OptFastOpen, func(b []byte) []byte {
		if o.TFOLen == 0 {
			return append(b, "tfo cookiereq"...)
		}
		return appendNumber(b, "tfo ", uint64(o.TFOLen))
	})
	for _, bare := range bareOptions {
		add(bare.bit, func(b []byte) []byte { return append(b, bare.name...) })
	}
	return b
}

func appendSACK(b []byte, o *statemachine.Options) []byte {
	n := min(int(o.NSACK), len(o.SACK))
	b = appendNumber(b, "sack ", uint64(n))
	for i := range n {
		if i == 0 {
			b = append(b, ' ')
		}
		b = appendNumber(b, "{", uint64(o.SACK[i].Left))
		b = appendNumber(b, ":", uint64(o.SACK[i].Right))
		b = append(b, '}')
	}
	return b
}

// appendNumber writes a word and the number behind it.
func appendNumber(b []byte, word string, n uint64) []byte {
	return strconv.AppendUint(append(b, word...), n, 10)
}
