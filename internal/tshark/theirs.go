package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"

	"github.com/tcpstate/tcpstate/statemachine"
)

// analysisPrefix begins the names of tshark's fields.
const analysisPrefix = "tcp.analysis."

// classFields are tshark's words for what a segment is, in our spelling, the
// one that counts first where it gives several.
var classFields = []struct{ field, class string }{
	{"spurious_retransmission", retransmission},
	{"fast_retransmission", retransmission},
	{"retransmission", retransmission},
	{"out_of_order", statemachine.OutOfOrder.String()},
	{"zero_window_probe", statemachine.ZeroWindowProbe.String()},
	{"zero_window_probe_ack", statemachine.ZeroWindowProbeACK.String()},
	{"keep_alive_ack", statemachine.KeepAliveACK.String()},
	{"keep_alive", statemachine.KeepAlive.String()},
	{"duplicate_ack", statemachine.DuplicateACK.String()},
	{"window_update", statemachine.WindowUpdate.String()},
}

// markFields are tshark's words for what we say by marks.
var markFields = []struct {
	field string
	mark  statemachine.Marks
}{
	{"spurious_retransmission", statemachine.Spurious},
	{"lost_segment", statemachine.GapBefore},
	{"ack_lost_segment", statemachine.ACKsUnseen},
	{"window_full", statemachine.WindowFull},
	{"zero_window", statemachine.ZeroWindow},
}

// fieldNames returns the fields to ask for: the packet's number, its TCP
// streams, its protocols, then those of the analysis.
func fieldNames() []string {
	names := []string{"frame.number", "tcp.stream", "frame.protocols"}
	for _, c := range classFields {
		names = append(names, analysisPrefix+c.field)
	}
	return append(names, analysisPrefix+"lost_segment", analysisPrefix+"ack_lost_segment", analysisPrefix+"window_full", analysisPrefix+"zero_window")
}

// asked calls fn with tshark's opinion of each packet in which it found exactly
// one TCP segment: where there are more, one inside the other or quoted by an
// ICMP error, it does not say of which it speaks.
func asked(ctx context.Context, path string, fn func(packet uint64, o opinion)) error {
	names := fieldNames()
	args := []string{"-n", "-r", path, "-Y", "tcp", "-o", "tcp.analyze_sequence_numbers:TRUE", "-T", "fields", "-E", "occurrence=a"}
	for _, n := range names {
		args = append(args, "-e", n)
	}
	cmd := exec.CommandContext(ctx, "tshark", args...)
	cmd.Stderr = io.Discard
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		packet, err := strconv.ParseUint(f[0], 10, 64)
		if err != nil || len(f) != len(names) {
			return errors.Join(fmt.Errorf("tshark's line %q", lines.Text()), cmd.Cancel(), cmd.Wait())
		}
		if strings.Contains(f[1], ",") || strings.Contains(f[2], ":icmp") {
			continue
		}
		fn(packet, understood(names, f))
	}
	// A damaged capture makes tshark fail after it has printed what it could
	// read.
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return lines.Err()
}

// understood puts tshark's fields into our words.
func understood(names, values []string) opinion {
	set := map[string]bool{}
	for i, n := range names {
		if field, ok := strings.CutPrefix(n, analysisPrefix); ok && values[i] != "" {
			set[field] = true
		}
	}
	var o opinion
	for _, c := range classFields {
		if set[c.field] && o.class == "" {
			o.class = c.class
		}
	}
	if set["fast_retransmission"] {
		o.kind = fast
	}
	for _, m := range markFields {
		if set[m.field] {
			o.marks |= m.mark
		}
	}
	return o
}
