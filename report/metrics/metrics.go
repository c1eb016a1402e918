// Package metrics shows a live run to Prometheus. The number of series is
// bounded: labels are states, sides, kinds, codes and other fixed words, never
// addresses or ports.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tcpstate/tcpstate/report/board"
	"github.com/tcpstate/tcpstate/statemachine"
)

// Capture is what the capture itself counts.
type Capture struct {
	Packets       uint64 // captured, TCP or not
	DroppedKernel uint64 // no room in the kernel's buffer
	DroppedDevice uint64 // by the interface
}

// Handler returns what answers a scrape: the board's numbers and those of the
// capture.
func Handler(b *board.Board, capture func() Capture) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(&collector{board: b, capture: capture, desc: describe()})
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// descriptions are the names, helps and labels of all metrics.
type descriptions struct {
	ends, live, begun, handshakes, rtt, retransmissions, resets, findings, packets, segments, drops *prometheus.Desc
}

func describe() descriptions {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tcpstate_"+name, help, labels, nil)
	}
	return descriptions{
		ends:            d("endpoints", "Ends of live connections by state and side.", "state", "side"),
		live:            d("connections", "Connections that have not ended."),
		begun:           d("connections_total", "Connections seen so far."),
		handshakes:      d("handshakes_total", "Attempts to connect by outcome; unanswered and half-open ones when they are given up.", "outcome"),
		rtt:             d("handshake_rtt_seconds", "Time from the SYN to the ACK of the SYN-ACK, where nothing was sent again."),
		retransmissions: d("retransmissions_total", "Retransmitted segments by kind.", "kind"),
		resets:          d("resets_total", "Resets taken, by the situation of the end that took it.", "reason"),
		findings:        d("findings_total", "Findings by code.", "code", "severity"),
		packets:         d("packets_total", "Packets captured."),
		segments:        d("segments_total", "TCP segments followed."),
		drops:           d("dropped_packets_total", "Packets that the capture lost, by who dropped them.", "by"),
	}
}

// collector makes metrics of a snapshot of the board.
type collector struct {
	board   *board.Board
	capture func() Capture
	desc    descriptions
}

// Describe sends all descriptions.
func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect sends all metrics.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s, n, d := c.board.Snapshot(0), c.capture(), &c.desc
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, kind, v, labels...)
	}
	counter := func(desc *prometheus.Desc, v uint64, labels ...string) {
		send(desc, prometheus.CounterValue, float64(v), labels...)
	}
	for side := range statemachine.Side(2) {
		for state, n := range s.Tally[side] {
			send(d.ends, prometheus.GaugeValue, float64(n), statemachine.State(state).String(), side.String())
		}
	}
	send(d.live, prometheus.GaugeValue, float64(s.Live))
	counter(d.begun, s.Counts.Connections)
	for h, n := range s.Counts.Handshakes {
		counter(d.handshakes, n, board.Handshake(h).String())
	}
	for k, n := range s.Counts.Retransmissions {
		if kind := statemachine.Kind(k); kind != statemachine.NoKind {
			counter(d.retransmissions, n, kind.String())
		}
	}
	for r, n := range s.Counts.Resets {
		counter(d.resets, n, board.Reset(r).String())
	}
	for code, n := range s.Counts.Findings {
		if f := statemachine.Code(code); f != statemachine.NoFinding {
			counter(d.findings, n, f.String(), f.Info().Severity.String())
		}
	}
	counter(d.packets, n.Packets)
	counter(d.segments, s.Counts.Packets)
	counter(d.drops, n.DroppedKernel, "kernel")
	counter(d.drops, n.DroppedDevice, "interface")
	ch <- histogram(d.rtt, &s.Counts.RTT)
}

// histogram turns the board's buckets into cumulative ones, in seconds.
func histogram(desc *prometheus.Desc, h *board.Histogram) prometheus.Metric {
	buckets := make(map[float64]uint64, len(board.RTTBounds))
	var sum uint64
	for i, bound := range board.RTTBounds {
		sum += h.Buckets[i]
		buckets[float64(bound)/1e9] = sum
	}
	return prometheus.MustNewConstHistogram(desc, h.Count, float64(h.Sum)/1e9, buckets)
}
