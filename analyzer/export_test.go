package analyzer

// ObserveAll makes a run observe each connection from its first segment on.
func (o *Options) ObserveAll() { o.openings = openingsNone }
