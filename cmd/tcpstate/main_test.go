package main

import (
	"encoding/binary"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected output inside the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tcpstate": main, "tcpstate-breaks": breaks})
}

// TestScripts runs testdata/script: each file is one behaviour of the command.
func TestScripts(t *testing.T) {
	pcaps, err := filepath.Abs(filepath.FromSlash("../../testdata/pcaps"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.FromSlash("testdata/script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PCAPS", pcaps)
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit": exitsWith, "head": head, "drop": drop, "patch": patch,
		},
	})
}

// exitsWith runs tcpstate with the arguments behind the first and demands that
// exit code: exit CODE ARG…
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE ARG…")
	}
	err := ts.Exec("tcpstate", args[1:]...)
	code := 0
	if e, ok := err.(interface{ ExitCode() int }); ok {
		code = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// head copies the first octets of a file: head N IN OUT. A negative N leaves
// out that many at the end.
func head(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: head N IN OUT")
	}
	data, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	if n < 0 {
		n += len(data)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), data[:n], 0o644))
}

// drop copies a little-endian pcap file without its first packets: drop N IN OUT.
func drop(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: drop N IN OUT")
	}
	data, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	const fileHeader, recordHeader = 24, 16
	at := fileHeader
	for range n {
		at += recordHeader + int(binary.LittleEndian.Uint32(data[at+8:]))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), append(data[:fileHeader:fileHeader], data[at:]...), 0o644))
}

// patch overwrites octets of a file: patch OFFSET HEX FILE.
func patch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: patch OFFSET HEX FILE")
	}
	offset, err := strconv.Atoi(args[0])
	ts.Check(err)
	octets, err := hex.DecodeString(args[1])
	ts.Check(err)
	name := ts.MkAbs(args[2])
	data, err := os.ReadFile(name)
	ts.Check(err)
	copy(data[offset:], octets)
	ts.Check(os.WriteFile(name, data, 0o644))
}
