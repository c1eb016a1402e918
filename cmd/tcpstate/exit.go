package main

import (
	"fmt"
	"strings"
)

// exitCode is what the process returns.
type exitCode int

// The exit codes.
const (
	exitDone        exitCode = 0
	exitUnmet       exitCode = 1
	exitUsage       exitCode = 2
	exitInput       exitCode = 3
	exitRights      exitCode = 4
	exitInterrupted exitCode = 130
)

// exitCodes is the one table of exit codes; the help is printed from it.
var exitCodes = []struct {
	code    exitCode
	meaning string
}{
	{exitDone, "done, and every expectation met"},
	{exitUnmet, "an expectation was not met (check, --fail-on), or recordings differ (diff)"},
	{exitUsage, "the command line is wrong, or a file of expectations"},
	{exitInput, "input unreadable or damaged part-way, or output not writable; what was readable is reported"},
	{exitRights, "no rights to capture, or the interface failed"},
	{exitInterrupted, "interrupted"},
}

// exitHelp returns the table as help text.
func exitHelp() string {
	var b strings.Builder
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
	}
	return b.String()
}

// usageError is a mistake in the command line.
type usageError struct {
	text string
	hint string // advice, may be empty
}

// Error returns the mistake without the advice.
func (e *usageError) Error() string { return e.text }

// exitError ends the program with a code and any number of lines.
type exitError struct {
	code  exitCode
	lines []string
	hint  string // advice, may be empty
}

// Error returns all lines in one.
func (e *exitError) Error() string { return strings.Join(e.lines, "; ") }
