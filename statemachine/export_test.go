package statemachine

// SetSlow makes the machine take no short way.
func (m *Machine) SetSlow() { m.slow = true }
