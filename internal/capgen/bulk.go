package capgen

// bulkFlows is how many transfers run at once.
const bulkFlows = 64

// mss is the payload of a full segment, in octets: Ethernet's 1500 without
// headers and timestamps.
const mss = 1448

// lossEvery is how many rounds of a transfer lie between two lost segments.
const lossEvery = 333

// bulk plays n transfers in turn, a packet of each.
func (p *pen) bulk(n int) {
	flows := make([]transfer, n)
	share := p.left / n
	for i := range flows {
		flows[i] = transfer{talk: newTalk(i), rest: share}
		flows[i].talk.v6 = i%8 == 7
		flows[i].round = 5 * i
	}
	flows[0].rest += p.left - share*n
	for p.left > 0 && p.err == nil {
		for i := range flows {
			if f := &flows[i]; f.rest > 0 {
				p.send(&f.talk, f.next())
				f.rest--
			}
		}
	}
}

// transfer is one connection of the bulk scene: what it will send next.
type transfer struct {
	talk  talk
	queue []segment
	rest  int // packets that it may still send
	round int
}

// closing is the end of a transfer.
var closing = []segment{{flags: fin | ack}, {server: true, flags: fin | ack}, {flags: ack}}

// next returns the next segment of the transfer.
func (t *transfer) next() segment {
	if t.rest == len(closing) && t.talk.open {
		t.queue = closing
	}
	if len(t.queue) == 0 {
		t.queue = t.play()
	}
	s := t.queue[0]
	t.queue = t.queue[1:]
	return s
}

// play returns the next few segments: two of data and their ACK, at times with
// a segment that dies behind the tap and is sent again after three duplicate
// ACKs (RFC 5681 §3.2), and at the beginning the handshake.
func (t *transfer) play() []segment {
	data := segment{flags: ack, length: mss}
	t.round++
	switch {
	case !t.talk.open:
		t.talk.open = true
		return []segment{{flags: syn}, {server: true, flags: syn | ack}, {flags: ack}}
	case t.round%lossEvery == 0:
		lost := segment{flags: ack, length: mss, lost: true}
		duplicate := segment{server: true, flags: ack}
		return []segment{lost, data, duplicate, data, duplicate, data, duplicate,
			{flags: ack, length: mss, again: true}, duplicate}
	default:
		return []segment{data, data, {server: true, flags: ack}}
	}
}
