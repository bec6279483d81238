package main

import (
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
)

// operator is who runs commands on the hub's machine: whoever can read its database may do all that its administrators may.
var operator = hub.Actor{UserID: event.CLI, Name: event.CLI, SiteAdmin: true}
