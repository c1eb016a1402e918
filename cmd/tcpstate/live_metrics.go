package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/tcpstate/tcpstate/report/metrics"
	"github.com/tcpstate/tcpstate/statemachine"
)

// serve answers Prometheus at the address of --metrics until the capture ends.
func (w *liveRun) serve() error {
	host, port, err := net.SplitHostPort(w.opt.metrics)
	if err != nil {
		return &usageError{text: "--metrics " + quote(w.opt.metrics) + " is no address", hint: "as :9188 or 192.0.2.1:9188"}
	}
	if host == "" {
		host = "localhost" // what the network may read is to be said in so many words
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return &exitError{code: exitInput, lines: []string{"cannot serve metrics: " + err.Error()}}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler(w.board, func() metrics.Capture {
		n := w.src.Losses()
		return metrics.Capture{Packets: w.src.Packets(), DroppedKernel: n.Kernel, DroppedDevice: n.Interface}
	}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	w.opt.streams.say("metrics at http://" + l.Addr().String() + "/metrics")
	w.sink.onClose = append(w.sink.onClose, func(statemachine.Time) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx) // what has not ended by then is cut off
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}
