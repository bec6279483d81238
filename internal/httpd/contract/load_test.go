package contract

import "testing"

func TestLoad(t *testing.T) {
	doc, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(doc.Paths.Len(), len(JSON()))
}
