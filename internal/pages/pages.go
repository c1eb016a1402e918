// Package pages has the system lend memory before it is used, in the way that costs
// least on the machine. A page that is lent when somebody touches it costs a fault: a
// quarter of a microsecond on a bare machine, and ten where a hypervisor takes part.
package pages

// Size is the size of the pages that memory is lent in, in octets; where pages are
// larger, some are asked for more than once.
const Size = 4096
