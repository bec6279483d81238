package hub

// Page asks for one page of a keyset listing. Cursor is opaque to callers and made by the listing itself.
type Page struct {
	Limit  int
	Cursor string
}

// Clamp bounds the limit: def when unset, at most max.
func (p Page) Clamp(def, max int) Page {
	if p.Limit <= 0 {
		p.Limit = def
	}
	if p.Limit > max {
		p.Limit = max
	}
	return p
}
