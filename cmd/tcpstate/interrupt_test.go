package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestInterruptibleReadsAll(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(want), "halves": iotest.HalfReader(bytes.NewReader(want)),
		"with the error": iotest.DataErrReader(bytes.NewReader(want)),
	} {
		got, err := io.ReadAll(untilDone(context.Background(), r))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d octets of %d, %v", name, len(got), len(want), err)
		}
	}
}

func TestInterruptibleError(t *testing.T) {
	broken := errors.New("broken")
	r := untilDone(context.Background(), io.MultiReader(bytes.NewReader([]byte("abc")), iotest.ErrReader(broken)))
	if got, err := io.ReadAll(r); string(got) != "abc" || !errors.Is(err, broken) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestInterruptibleEnds would hang if a silent input kept the program alive.
func TestInterruptibleEnds(t *testing.T) {
	silent, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	r := untilDone(ctx, silent)
	go func() {
		w.Write([]byte("abc"))
		cancel()
	}()
	if got, err := io.ReadAll(r); err != nil || len(got) > 3 {
		t.Errorf("%q, %v", got, err)
	}
}
