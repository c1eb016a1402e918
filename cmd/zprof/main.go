package main

import (
	"bufio"
	"context"
	"flag"
	"os"
	"runtime/pprof"

	"github.com/tcpstate/tcpstate/analyzer"
	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report"
)

func main() {
	form := flag.String("f", "summary", "")
	cpu := flag.String("cpu", "/tmp/fast/cpu.prof", "")
	mem := flag.String("mem", "/tmp/fast/mem.prof", "")
	flag.Parse()
	f, _ := os.Create(*cpu)
	pprof.StartCPUProfile(f)
	format, _ := report.ParseFormat(*form)
	o := report.Options{}
	w := bufio.NewWriter(os.Stdout)
	err := analyzer.Run(context.Background(), analyzer.Options{Wants: report.Wants(format, o), AnyOrder: format == report.Summary},
		func() (analyzer.Source, error) { return capture.OpenAll(flag.Args(), os.Stdin), nil }, report.New(w, format, o))
	pprof.StopCPUProfile()
	if err != nil {
		panic(err)
	}
	w.Flush()
	m, _ := os.Create(*mem)
	pprof.Lookup("allocs").WriteTo(m, 0)
	m.Close()
}
