package analyzer

// ObserveAll makes a run observe each connection from its first segment on.
func (o *Options) ObserveAll() { o.openings = openingsNone }

// BatchPackets is how many packets a batch holds.
const BatchPackets = batchPackets
