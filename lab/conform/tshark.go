package conform

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Tshark is an installed tshark.
type Tshark struct {
	path string
	// Version is the first line that tshark prints of itself.
	Version string
}

// FindTshark returns the tshark of this machine, nil when there is none.
func FindTshark() *Tshark {
	path, err := exec.LookPath("tshark")
	if err != nil {
		return nil
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return nil
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return &Tshark{path, strings.TrimSuffix(strings.TrimSpace(line), ".")}
}

// tsharkAgain selects what tshark takes for sent again.
const tsharkAgain = "tcp.analysis.retransmission || tcp.analysis.fast_retransmission || tcp.analysis.spurious_retransmission"

// read returns tshark's judgement of a capture's packets.
func (t *Tshark) read(path string) (namer, error) {
	cmd := exec.Command(t.path, "-n", "-r", path, "-Y", tsharkAgain, "-T", "fields", "-e", "frame.number")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("tshark %s: %w: %s", path, err, said.String())
	}
	again := map[uint64]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		n, err := strconv.ParseUint(strings.TrimSpace(lines.Text()), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("tshark %s: %w", path, err)
		}
		again[n] = true
	}
	return func(p *packet) bool { return again[p.number] }, nil
}
