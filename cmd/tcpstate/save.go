package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
)

// saver passes results on and writes the packets of the connections to a
// capture file.
type saver struct {
	analyzer.Sink
	name   string
	file   *os.File
	pcapng bool
	links  func() int // link types of the input, as far as they are known

	out  *bufio.Writer // in front of pcap
	pcap *capture.Writer
	link analyzer.LinkType // of pcap
	ng   *capture.NgWriter
}

// newSaver creates the file, which must be no input and no other output.
func newSaver(name, output string, inputs []string) (*saver, error) {
	if name == capture.Stdin {
		return nil, &usageError{text: "--save-pcap needs the name of a file"}
	}
	if output != "" && filepath.Clean(output) == filepath.Clean(name) {
		return nil, &usageError{text: "--save-pcap and --output name the same file"}
	}
	f, err := create("--save-pcap", name, inputs)
	if err != nil {
		return nil, err
	}
	ext := strings.ToLower(filepath.Ext(name))
	return &saver{name: name, file: f, pcapng: ext == ".pcapng" || ext == ".ntar"}, nil
}

// Packet writes the packet of a connection.
func (s *saver) Packet(o *analyzer.Observation) error {
	if o.Packet != nil && o.Conn != 0 {
		if err := s.write(o.Packet); err != nil {
			return s.failed(err)
		}
	}
	return s.Sink.Packet(o)
}

func (s *saver) write(p *analyzer.Packet) error {
	if s.pcap == nil && s.ng == nil {
		if err := s.begin(p.Link); err != nil {
			return err
		}
	}
	if s.ng != nil {
		return s.ng.Write(p)
	}
	if p.Link != s.link {
		return errors.New("the packets have several link types; give it a name that ends in .pcapng")
	}
	return s.pcap.Write(p.Time, p.AsCaptured(), max(int(p.WireLen), len(p.AsCaptured())))
}

// begin writes the file's header: pcapng when the name asks for it or the
// input has several link types.
func (s *saver) begin(link analyzer.LinkType) (err error) {
	if s.pcapng || s.links() > 1 {
		s.ng, err = capture.NewNgWriter(s.file, "tcpstate", "", "")
		return err
	}
	s.link, s.out = link, bufio.NewWriterSize(s.file, 1<<16)
	s.pcap, err = capture.NewWriter(s.out, link)
	return err
}

// Capture completes the file; without packets it is a capture of none.
func (s *saver) Capture(c *analyzer.Capture) error {
	if s.pcap == nil && s.ng == nil {
		link := analyzer.LinkEthernet
		if len(c.LinkTypes) > 0 {
			link = c.LinkTypes[0]
		}
		if err := s.begin(link); err != nil {
			return s.failed(err)
		}
	}
	return errors.Join(s.flush(), s.Sink.Capture(c))
}

// flush hands what was gathered to the system.
func (s *saver) flush() error {
	if s.ng != nil {
		return s.failed(s.ng.Flush())
	}
	if s.out != nil {
		return s.failed(s.out.Flush())
	}
	return nil
}

// close closes the file. What an interrupted run had is kept.
func (s *saver) close() error {
	if s.ng != nil {
		return s.failed(s.ng.End())
	}
	return errors.Join(s.flush(), s.failed(s.file.Close()))
}

func (s *saver) failed(err error) error {
	if err == nil {
		return nil
	}
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return &exitError{code: exitInput, lines: []string{fmt.Sprintf("cannot write %s: %v", s.name, err)}}
}
