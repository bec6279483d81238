package oauth

import "slices"

// Client is a program that may ask for tokens. All are public: none of them can keep a secret.
type Client struct {
	ID   string
	Name string // what people are told
	Slug string // begins the names of its tokens
}

// clients are known to every hub, since their ids are compiled into programs that people have already.
var clients = []Client{
	{ID: "26be6b09-91c5-47da-9861-d2d2bb7a7e36", Name: "Hugging Face command line (hf)", Slug: "hf-cli"},
}

// ClientByID finds a client.
func ClientByID(id string) (Client, bool) {
	i := slices.IndexFunc(clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return clients[i], true
}
