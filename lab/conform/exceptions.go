package conform

// Exceptions returns the disagreements on the recorded scenarios that cannot
// be helped.
func Exceptions() []Exception {
	return []Exception{}
}
