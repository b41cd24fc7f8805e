package escalation

import (
	"encoding/xml"
	"fmt"
	"time"
)

// layout is the DateTime of XEP-0082 §3.2 in UTC with milliseconds.
const layout = "2006-01-02T15:04:05.000Z"

// Time is an instant in Unix milliseconds, written as in XEP-0082. The zero Time is not written.
type Time int64

// MarshalXMLAttr implements xml.MarshalerAttr.
func (t Time) MarshalXMLAttr(name xml.Name) (xml.Attr, error) {
	if t == 0 {
		return xml.Attr{}, nil
	}
	return xml.Attr{Name: name, Value: t.String()}, nil
}

// UnmarshalXMLAttr implements xml.UnmarshalerAttr. It reads every DateTime of XEP-0082 between the years 1 and 9999, UTC.
func (t *Time) UnmarshalXMLAttr(attr xml.Attr) error {
	at, err := time.Parse(time.RFC3339, attr.Value)
	if year := at.UTC().Year(); err != nil || year < 1 || year > 9999 {
		return fmt.Errorf("invalid %s (XEP-0082)", attr.Name.Local)
	}
	*t = Time(at.UnixMilli())
	return nil
}

// String returns t as it is on the wire.
func (t Time) String() string { return time.UnixMilli(int64(t)).UTC().Format(layout) }
