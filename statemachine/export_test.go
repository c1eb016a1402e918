package statemachine

// SetSlow makes the machine take no short way.
func (m *Machine) SetSlow() { m.slow = true }

// SetCareful makes the machine resolve clean logs too.
func (m *Machine) SetCareful() { m.careful = true }

// CleanLog reports that c's log begins with a clean handshake, or is a clean
// close.
func CleanLog(c *Conn) (handshake, closing bool) {
	n := len(c.log)
	return n >= 3 && c.opensCleanly(), (n == 3 || n == 4) && c.closesCleanly()
}
