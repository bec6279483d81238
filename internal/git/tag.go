package git

import "github.com/cairnhub/cairn/internal/hub"

// Tag is a parsed annotated tag. A signature, if any, is part of the message, as git keeps it.
type Tag struct {
	Object  hub.OID
	Kind    Kind
	Name    string
	Tagger  Signature // zero in tags made before 2005
	Headers []Header
	Message string
}

// ParseTag reads a tag object.
func ParseTag(raw []byte) (*Tag, error) {
	t := &Tag{}
	s := headerScanner{rest: raw}
	for {
		key, value, ok := s.next()
		if !ok {
			break
		}
		switch key {
		case "object":
			oid, err := hub.ParseOID(string(value))
			if err != nil {
				return nil, malformed("tag's object")
			}
			t.Object = oid
		case "type":
			t.Kind = parseKind(string(value))
		case "tag":
			t.Name = string(value)
		case "tagger":
			t.Tagger = parseSignature(value)
		default:
			t.Headers = append(t.Headers, Header{key, string(value)})
		}
	}
	if t.Object.IsZero() || !t.Kind.Valid() {
		return nil, malformed("tag without object or type")
	}
	t.Message = string(s.rest)
	return t, nil
}

// Encode is the tag object's bytes.
func (t *Tag) Encode() []byte {
	b := appendLine(nil, "object", t.Object.String())
	b = appendLine(b, "type", t.Kind.String())
	b = appendLine(b, "tag", t.Name)
	if t.Tagger != (Signature{}) {
		b = appendLine(b, "tagger", t.Tagger.String())
	}
	for _, h := range t.Headers {
		b = appendLine(b, h.Key, h.Value)
	}
	b = append(b, '\n')
	return append(b, t.Message...)
}

func parseKind(s string) Kind {
	for k := KindCommit; k <= KindTag; k++ {
		if k.String() == s {
			return k
		}
	}
	return 0
}
