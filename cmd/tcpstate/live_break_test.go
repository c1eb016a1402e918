package main

import (
	"context"
	"os"
	"time"

	"github.com/tcpstate/tcpstate/analyzer/capture"
	"github.com/tcpstate/tcpstate/report/board"
	"github.com/tcpstate/tcpstate/report/top"
)

// breaks is a program that shows the full-screen view until its part that is
// named by the argument, the analysis or the view, panics.
func breaks() {
	ctx, s := context.Background(), processStreams()
	part := breakView
	if os.Args[1] == "analysis" {
		part = breakAnalysis
	}
	os.Exit(int(s.finish(ctx, part(ctx, s))))
}

func breakAnalysis(ctx context.Context, s *streams) error {
	src, err := capture.OpenLive(ctx, capture.LiveOptions{Interface: "lo", Clock: wallClock})
	if err != nil {
		return err
	}
	defer src.Close()
	w := &liveRun{opt: &liveOptions{device: "lo"}, src: src, board: board.New(), sink: &liveSink{}}
	return newScreen(w, s.out).show(ctx, func(context.Context) error {
		time.Sleep(time.Second)
		panic("the analysis broke")
	})
}

func breakView(ctx context.Context, s *streams) error {
	asked := 0
	return top.Run(ctx, top.Options{Board: board.New(), Input: os.Stdin, Output: s.out, Status: func() top.Status {
		if asked++; asked == 3 {
			panic("the view broke")
		}
		return top.Status{Interface: "lo"}
	}})
}
