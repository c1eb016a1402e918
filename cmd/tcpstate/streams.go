package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"
	"unicode"
)

// streams are all that a command has of the outside: results go to out,
// everything else to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	terminal bool // out is a terminal
	width    int  // columns for tables, 0 for no limit

	errTerminal bool // err is a terminal
}

// Messages are in lower case without a final period, begin with the program's
// name, and are followed by a line of advice where there is any.

// complain prints one line about a problem.
func (s *streams) complain(text string) { fmt.Fprintln(s.err, "tcpstate: "+harmless(text)) }

// say prints one line about what goes on.
func (s *streams) say(text string) { s.complain(text) }

// hint prints a line of advice.
func (s *streams) hint(text string) { fmt.Fprintln(s.err, "hint: "+harmless(text)) }

// harmless replaces all but line breaks and tabs that could steer a terminal:
// names of files and interfaces and what libraries say of them have anything.
func harmless(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
	}
	return b.String()
}

// finish reports the error that ended a command, if any, and returns its exit
// code.
func (s *streams) finish(ctx context.Context, err error) exitCode {
	var usage *usageError
	var exit *exitError
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		// Whoever read the output has seen enough: no fault.
		return exitDone
	case ctx.Err() != nil:
		s.complain("interrupted")
		return exitInterrupted
	case errors.As(err, &usage):
		s.complain(usage.text)
		if usage.hint != "" {
			s.hint(usage.hint)
		}
		return exitUsage
	case errors.As(err, &exit):
		for _, line := range exit.lines {
			s.complain(line)
		}
		if exit.hint != "" {
			s.hint(exit.hint)
		}
		return exit.code
	}
	s.complain(err.Error())
	return exitInput
}
