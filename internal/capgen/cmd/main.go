// Capgen writes a capture of a scene to a file:
//
//	go run ./internal/capgen/cmd SCENE PACKETS FILE
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/tcpstate/tcpstate/internal/capgen"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "capgen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: capgen SCENE PACKETS FILE")
	}
	scene, err := capgen.ParseScene(args[0])
	if err != nil {
		return err
	}
	packets, err := strconv.Atoi(args[1])
	if err != nil || packets < 1 {
		return fmt.Errorf("%q is no number of packets", args[1])
	}
	f, err := os.Create(args[2])
	if err != nil {
		return err
	}
	if err := scene.Write(f, packets); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
