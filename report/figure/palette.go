package figure

import "github.com/tcpstate/tcpstate/statemachine"

// Ink is a colour on light and on dark ground, as CSS writes it.
type Ink struct{ Light, Dark string }

// palette has a colour for each state: grey before and after the connection,
// blue for the opening, green for data, warm for the close, in the order in
// which each end passes through it. Neighbouring states differ in lightness
// too, for those who cannot tell the hues apart.
var palette = map[statemachine.State]Ink{
	statemachine.Unknown:     {"#d8dce2", "#3a404a"},
	statemachine.Closed:      {"#9aa3af", "#6b7480"},
	statemachine.Listen:      {"#c3cad4", "#525b68"},
	statemachine.SynSent:     {"#7db4f0", "#3f7fc4"},
	statemachine.SynReceived: {"#2f74c0", "#7fb4ee"},
	statemachine.Established: {"#2f9e62", "#43b877"},
	statemachine.FinWait1:    {"#f2c14e", "#c99a2b"},
	statemachine.FinWait2:    {"#d9940f", "#f0bd55"},
	statemachine.CloseWait:   {"#e4572e", "#f0785a"},
	statemachine.Closing:     {"#b0529a", "#d284c1"},
	statemachine.LastAck:     {"#a83232", "#e08585"},
	statemachine.TimeWait:    {"#7a5ba6", "#a98fd0"},
}

// Color returns the colour of a state.
func Color(s statemachine.State) Ink { return palette[s] }
