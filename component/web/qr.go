package web

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

// qrCode returns a text as a QR code in SVG; "" if it is too long.
func qrCode(text string) template.HTML {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return ""
	}
	const border = 4
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+border, y+border)
			}
		}
	}
	size := code.Size + 2*border
	return template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %d %d" role="img" aria-label="QR"><path d="%s"/></svg>`, size, size, path.String()))
}
