package main

import (
	"bytes"
	"fmt"
	"math"
)

// The size of a panel, in SVG units, and its place.
const (
	panelWidth  = 340
	panelHeight = 240
	marginLeft  = 60
	marginTop   = 40
)

// plot draws time and memory over the number of packets, and over the number
// of live connections, both axes logarithmic: what grows in proportion is a
// straight line of slope one.
func plot(packets, conns []point) []byte {
	var b bytes.Buffer
	const width, height = 2*(panelWidth+marginLeft) + 90, 2*(panelHeight+marginTop) + 90
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	seconds := func(p point) float64 { return p.time }
	megabytes := func(p point) float64 { return p.peak }
	panel(&b, 0, 0, "processor seconds, over packets", packets, seconds)
	panel(&b, 1, 0, "peak memory in MB, over packets", packets, megabytes)
	panel(&b, 0, 1, "processor seconds, over live connections", conns, seconds)
	panel(&b, 1, 1, "peak memory in MB, over live connections", conns, megabytes)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// panel draws one curve with its axes.
func panel(b *bytes.Buffer, column, row int, title string, points []point, value func(point) float64) {
	left := float64(marginLeft + column*(panelWidth+marginLeft+30))
	top := float64(marginTop + row*(panelHeight+marginTop+40))
	x := axis{from: math.Log10(float64(points[0].n)), to: math.Log10(float64(points[len(points)-1].n))}
	y := axis{from: math.Inf(1), to: math.Inf(-1)}
	for _, p := range points {
		y.from, y.to = min(y.from, math.Log10(value(p))), max(y.to, math.Log10(value(p)))
	}
	y.from, y.to = math.Floor(y.from), math.Ceil(y.to+1e-9)
	fmt.Fprintf(b, `<text x="%.0f" y="%.0f" font-weight="bold">%s</text>`+"\n", left, top-12, title)
	fmt.Fprintf(b, `<rect x="%.0f" y="%.0f" width="%d" height="%d" fill="none" stroke="#888"/>`+"\n", left, top, panelWidth, panelHeight)
	for d := y.from; d <= y.to; d++ {
		at := top + panelHeight*(1-y.share(d))
		fmt.Fprintf(b, `<path d="M%.0f %.1fh%d" stroke="#ddd"/><text x="%.0f" y="%.1f" text-anchor="end">%g</text>`+"\n",
			left, at, panelWidth, left-6, at+4, math.Pow(10, d))
	}
	var path bytes.Buffer
	for i, p := range points {
		px := left + panelWidth*x.share(math.Log10(float64(p.n)))
		py := top + panelHeight*(1-y.share(math.Log10(value(p))))
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], px, py)
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="#1565c0"/>`+"\n", px, py)
		if i%2 == 0 || i == len(points)-1 {
			fmt.Fprintf(b, `<text x="%.1f" y="%.0f" text-anchor="middle">%s</text>`+"\n", px, top+panelHeight+16, short(p.n))
		}
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="#1565c0" stroke-width="2"/>`+"\n", path.Bytes())
}

// axis is a stretch of logarithms.
type axis struct{ from, to float64 }

func (a axis) share(v float64) float64 {
	if a.to == a.from {
		return 0.5
	}
	return (v - a.from) / (a.to - a.from)
}

// short writes a number with k or M.
func short(n int) string {
	switch {
	case n >= 1_000_000:
		return fmt.Sprintf("%.3gM", float64(n)/1e6)
	case n >= 1000:
		return fmt.Sprintf("%.3gk", float64(n)/1e3)
	default:
		return fmt.Sprint(n)
	}
}
