package intake

import (
	"bytes"
	"io"
)

// pieceKind is the kind of a piece of the stream.
type pieceKind uint8

const (
	header  pieceKind = iota // the XML declaration, if there is one, and the stream's start tag
	whole                    // a complete element: a stanza, or something in its place
	skipped                  // an element over a limit: no bytes
	space                    // white space between stanzas
	stray                    // anything else between stanzas: no bytes
	closing                  // the stream's end tag
)

type piece struct {
	kind    pieceKind
	bytes   []byte // in the cutter's buffer, until the next call of next
	reason  Reason // skipped
	forward bool   // whole: a message with a child named "forwarded" or "tap"
	last    bool   // header: it is an empty element, nothing follows
}

// lexis is the lexical state at the next byte.
type lexis uint8

const (
	inText    lexis = iota
	inOpening       // after "<", before its kind is known
	inTag
	inQuotes
	inComment
	inCDATA
	inInstruction
)

// outside is the depth before the stream header. Between stanzas it is 0.
const outside = -1

const (
	bufferSize = 64 << 10
	bufferKept = 1 << 20 // a buffer that grew larger is released
)

// cutter divides a stream into pieces. It knows only as much XML as that requires: whether a piece is well-formed is left to
// its parser. Every byte is examined once, however the chunks arrive.
type cutter struct {
	limits Limits

	buf        []byte
	start      int // of the current piece
	mark       int // of the current markup: its "<"
	pos        int // next byte to examine
	end        int // of what was read
	lexis      lexis
	quote      byte // that ends inQuotes
	before     byte // the byte before pos, inTag
	isEnd      bool // it is an end tag, inTag
	double     int  // where the next double quote is
	depth      int
	elements   int
	attrs      int
	root       string // the stream header's name
	over       Reason // the piece is over this limit: it is skipped
	isMessage  bool
	hasForward bool
	piece      piece
	given      bool // piece, which ends at pos, was returned
}

// next returns the next piece, reading from r as often as necessary. After an error of r it may be called again.
func (c *cutter) next(r io.Reader) (piece, error) {
	if c.given {
		c.start, c.given = c.pos, false
	}
	for {
		ok, err := c.scan()
		if c.given = ok; ok || err != nil {
			return c.piece, err
		}
		if err := c.fill(r); err != nil {
			return piece{}, err
		}
	}
}

// scan examines the bytes read so far, and reports whether a piece ends in them.
func (c *cutter) scan() (ok bool, err error) {
	for c.pos < c.end {
		switch c.lexis {
		case inText:
			if c.depth == 0 && c.buf[c.pos] != '<' {
				c.between()
				return true, nil
			}
			text := c.upToMarkup()
			if c.depth == outside && !blank(text) {
				return false, ErrNotXML
			}
			if c.pos += len(text); c.pos < c.end {
				c.mark = c.pos
				c.pos++
				c.lexis = inOpening
			}
		case inOpening:
			if ok, err := c.opening(); !ok {
				return false, err
			}
		case inTag, inQuotes:
			if !c.tag() {
				break
			}
			if ok, err := c.tagEnd(); ok || err != nil {
				return ok, err
			}
		case inComment:
			ok = c.skipTo("-->", len("<!--"))
		case inCDATA:
			ok = c.skipTo("]]>", len("<![CDATA["))
		case inInstruction:
			ok = c.skipTo("?>", len("<?"))
		}
		if ok && c.depth == 0 {
			c.piece = piece{kind: stray}
			return true, nil
		}
		ok = false
	}
	return false, nil
}

// between handles text between two stanzas.
func (c *cutter) between() {
	text := c.upToMarkup()
	c.pos += len(text)
	c.piece = piece{kind: stray}
	if blank(text) {
		c.piece = piece{kind: space, bytes: text}
	}
}

// upToMarkup returns the text from pos on.
func (c *cutter) upToMarkup() []byte {
	text := c.buf[c.pos:c.end]
	if text[0] == '<' {
		return nil
	}
	if i := bytes.IndexByte(text, '<'); i >= 0 {
		return text[:i]
	}
	return text
}

// opening determines what a "<" begins. ok is false if more bytes are needed.
func (c *cutter) opening() (ok bool, err error) {
	rest := c.buf[c.mark+1 : c.end]
	switch b := rest[0]; {
	case b == '?':
		c.pos = c.mark + 2
		c.lexis = inInstruction
	case b == '!':
		for _, o := range [...]struct {
			text string
			lexis
		}{{"!--", inComment}, {"![CDATA[", inCDATA}} {
			n := min(len(rest), len(o.text))
			if string(rest[:n]) != o.text[:n] {
				continue
			}
			if n < len(o.text) {
				c.pos = c.end
				return false, nil
			}
			c.lexis = o.lexis
			c.pos = c.mark + 1 + n
			return true, nil
		}
		return false, ErrNotXML // a document type, RFC 6120 §11.1
	case b == '/':
		c.pos = c.mark + 2
		c.attrs = 0
		c.isEnd = true
		c.lexis = inTag
	case b >= 0x80 || b == '_' || b == ':' || 'a' <= b|0x20 && b|0x20 <= 'z':
		c.attrs = 0
		c.isEnd = false
		c.lexis = inTag
	default:
		return false, ErrNotXML
	}
	return true, nil
}

// tag looks for the end of a tag and reports whether it was found. The "/" of an empty element is then in c.before.
func (c *cutter) tag() bool {
	b := c.buf[:c.end]
	i := c.pos
	if c.lexis == inTag && c.attrs == 0 { // usually the whole tag is in the buffer, with quotes of one kind
		if n := bytes.IndexByte(b[i:], '>'); n > 0 && (c.isEnd || i+n <= c.firstDouble(i)) {
			tag := b[i : i+n]
			if c.isEnd {
				c.pos = i + n + 1
				return true
			}
			if quotes := bytes.Count(tag, []byte{'\''}); quotes%2 == 0 {
				c.attrs += quotes / 2
				c.before = tag[n-1]
				c.pos = i + n + 1
				return true
			}
		}
	}
	for i < len(b) {
		if c.lexis == inQuotes {
			n := bytes.IndexByte(b[i:], c.quote)
			if n < 0 {
				i = len(b)
				break
			}
			i += n + 1
			c.before = c.quote
			c.lexis = inTag
			continue
		}
		switch x := b[i]; x {
		case '>':
			c.pos = i + 1
			return true
		case '\'', '"':
			if !c.isEnd {
				c.attrs++
				c.quote = x
				c.lexis = inQuotes
			}
		default:
			c.before = x
		}
		i++
	}
	c.pos = i
	return false
}

// firstDouble returns the index of the first double quote after i, or the end of what was read. It searches only once.
func (c *cutter) firstDouble(i int) int {
	if c.double < i || c.double < c.end && c.buf[c.double] != '"' {
		c.double = c.end
		if n := bytes.IndexByte(c.buf[i:c.end], '"'); n >= 0 {
			c.double = i + n
		}
	}
	return c.double
}

// tagEnd counts a tag, and reports whether a piece ended with it.
func (c *cutter) tagEnd() (bool, error) {
	c.lexis = inText
	isEmpty := c.before == '/'
	switch {
	case c.isEnd && (c.depth == outside || c.depth == 0 && c.over != ""):
		return false, ErrNotXML
	case c.depth == outside:
		c.depth = 0
		c.root = string(c.tagName())
		c.piece = piece{kind: header, bytes: c.buf[c.start:c.pos], last: isEmpty}
		return true, nil
	case c.isEnd && c.depth == 0:
		if string(bytes.TrimRight(c.buf[c.mark+2:c.pos-1], " \t\r\n")) != c.root {
			return false, ErrNotXML
		}
		c.piece = piece{kind: closing, bytes: c.buf[c.mark:c.pos]}
		return true, nil
	case c.isEnd:
		c.depth--
	default:
		c.element()
		if !isEmpty {
			c.depth++
		}
	}
	if c.depth > 0 {
		return false, nil
	}
	c.piece = piece{kind: whole, bytes: c.buf[c.start:c.pos], forward: c.isMessage && c.hasForward}
	if c.over == "" && c.pos-c.start > c.limits.Bytes {
		c.over = TooBig
	}
	if c.over != "" {
		c.piece = piece{kind: skipped, reason: c.over}
	}
	c.elements, c.over, c.isMessage, c.hasForward = 0, "", false, false
	return true, nil
}

// element processes the start tag just read.
func (c *cutter) element() {
	if c.over != "" {
		return
	}
	switch c.depth {
	case 0:
		c.isMessage = c.isNamed("message")
	case 1:
		c.hasForward = c.hasForward || c.isMessage && (c.isNamed("forwarded") || c.isNamed("tap"))
	}
	c.elements++
	switch {
	case c.depth >= c.limits.Depth:
		c.over = TooDeep
	case c.elements > c.limits.Children+1 || c.attrs > c.limits.Attrs:
		c.over = TooMany
	}
}

// isNamed reports whether the tag just read has this name, whatever its prefix.
func (c *cutter) isNamed(local string) bool {
	name := c.tagName()
	return string(name[bytes.IndexByte(name, ':')+1:]) == local
}

// tagName returns the name in the start tag just read.
func (c *cutter) tagName() []byte {
	tag := c.buf[c.mark+1 : c.pos]
	for i, b := range tag {
		switch b {
		case ' ', '\t', '\r', '\n', '/', '>':
			return tag[:i]
		}
	}
	return tag
}

// skipTo looks for the end of a comment or the like, which began at c.mark with head bytes.
func (c *cutter) skipTo(end string, head int) bool {
	from := max(c.mark+head, c.pos-len(end)+1)
	i := bytes.Index(c.buf[from:c.end], []byte(end))
	if i < 0 {
		c.pos = c.end
		return false
	}
	c.pos = from + i + len(end)
	c.lexis = inText
	return true
}

// fill reads once. Before that, it makes room and discards skipped bytes.
func (c *cutter) fill(r io.Reader) error {
	if c.pos-c.start > c.limits.Bytes {
		if c.depth == outside {
			return ErrNotXML
		}
		if c.over == "" {
			c.over = TooBig
		}
	}
	if c.over != "" || c.depth == 0 && c.lexis > inQuotes {
		c.start = max(c.start, c.needed())
	}
	if c.start > 0 && (c.start == c.end || c.end == len(c.buf)) {
		c.shift()
	}
	if c.end == 0 && len(c.buf) > bufferKept {
		c.buf = nil
	}
	if c.end == len(c.buf) {
		c.buf = append(c.buf, make([]byte, max(bufferSize, len(c.buf)))...)
	}
	for range 100 {
		n, err := r.Read(c.buf[c.end:])
		c.end += n
		if n > 0 {
			return nil // an error comes again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// needed returns the index of the first byte still needed to find the end of a skipped element.
func (c *cutter) needed() int {
	switch c.lexis {
	case inOpening:
		return c.mark
	case inComment, inCDATA, inInstruction:
		return c.pos - len("-->") + 1
	}
	return c.pos
}

// shift moves unprocessed bytes to the front of the buffer.
func (c *cutter) shift() {
	n := c.start
	copy(c.buf, c.buf[n:c.end])
	c.start, c.mark, c.pos, c.end, c.double = 0, c.mark-n, c.pos-n, c.end-n, c.double-n
}
