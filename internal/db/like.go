package db

import "strings"

// wildcards lose their meaning in a pattern of LIKE … ESCAPE '!'.
var wildcards = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// Containing is the pattern of LIKE … ESCAPE '!' that finds text anywhere, whatever is in it.
func Containing(text string) string { return "%" + wildcards.Replace(text) + "%" }
