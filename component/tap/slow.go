package tap

import (
	"bytes"
	"encoding/xml"
	"io"
)

// slow reads a frame with encoding/xml. It reports whether the relevant part of the frame is one well-formed element.
func slow(frame []byte, f *fields) bool {
	f.reset()
	d := xml.NewDecoder(bytes.NewReader(frame))
	var attrs []attr
	depth, roots := 0, 0
	for {
		t, err := d.Token()
		if err != nil {
			return err == io.EOF && roots == 1
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			attrs = attrs[:0]
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
					attrs = append(attrs, attr{spaceOf([]byte(a.Name.Space)), []byte(a.Name.Local), []byte(a.Value)})
				}
			}
			f.start(depth, spaceOf([]byte(t.Name.Space)), []byte(t.Name.Local), attrs)
			if f.dull {
				return true
			}
			depth++
		case xml.EndElement:
			depth--
			f.end(depth)
		case xml.CharData:
			if depth == 0 && len(bytes.TrimLeft(t, " \t\r\n")) > 0 {
				return false
			}
			f.text(bytes.Clone(t))
		}
	}
}
