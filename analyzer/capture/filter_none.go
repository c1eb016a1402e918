//go:build !libpcap

package capture

import "github.com/tcpstate/tcpstate/analyzer"

// compileFilter says that nothing here compiles expressions.
func compileFilter(analyzer.LinkType, string) (program, error) { return nil, ErrNoFilters }
