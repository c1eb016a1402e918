package check

// FieldTables returns, by the name of each mapping in a file of expectations,
// the fields that the reader takes.
func FieldTables() map[string][]string {
	d := &decoder{}
	x, e := &Expectations{}, &entry{}
	side := bothSides()[0]
	return map[string][]string{
		"file":       fieldNames(x.fields(d)),
		"capture":    fieldNames(x.captureFields(d)),
		"connection": fieldNames(e.fields(d)),
		"match":      fieldNames(e.matchFields(d)),
		"end":        fieldNames(e.endFields(d, side)),
		"options":    fieldNames(e.optionFields(d, negotiated())),
		"limits":     fieldNames(e.limitFields(d, connectionMeasures(), bothSides())),
		"end limits": fieldNames(e.limitFields(d, endMeasures(bothSides()[:1]), bothSides()[:1])),
		"findings":   {"require", "forbid", "allow"},
	}
}
