// Package where chooses connections by an expression over their records, such
// as
//
//	verdict == "reset" && server.port == 443
//
// The language is that of github.com/expr-lang/expr; the names are those of
// Fields, each with its type, so that a misspelt name, a comparison that makes
// no sense or a word that no connection can have is an error before anything
// is read. docs/where.md has the whole of it.
package where
