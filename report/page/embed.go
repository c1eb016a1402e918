package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
)

// What is built from web; `make page` builds it anew.
var (
	//go:embed dist/page.js
	program string
	//go:embed dist/page.css
	style string
	//go:embed dist/licenses.md
	licenses string
)

// head returns the beginning of the file. The page may load nothing, and run
// nothing but its own program.
func head() string {
	sum := sha256.Sum256([]byte(program))
	return `<!doctype html>
<!--
` + licenses + `-->
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-` +
		base64.StdEncoding.EncodeToString(sum[:]) + `'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>tcpstate report</title>
<style>` + style + `</style>
</head>
<body>
<noscript><p>This report is drawn by a program inside this file; allow it to run. It loads nothing from the network.</p></noscript>
<div id="app"></div>
`
}
