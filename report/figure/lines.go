package figure

import "strings"

// lines breaks a sentence at blanks into lines of at most width octets; a word
// that is longer has a line of its own. There is none of an empty sentence.
func lines(s string, width int) []string {
	var out []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= width:
			line += " " + word
		default:
			out = append(out, line)
			line = word
		}
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}
