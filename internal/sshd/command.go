package sshd

import (
	"strings"

	"github.com/cairnhub/cairn/internal/gitserve"
	"github.com/cairnhub/cairn/internal/hub"
)

// The commands beside git's services.
const lfsAuthenticate = "git-lfs-authenticate"

// command is what a client asks for. It is read here and never by a shell.
type command struct {
	name string // gitserve.UploadPack, gitserve.ReceivePack or lfsAuthenticate
	path string // of the repository, as it came
	args []string
}

const maxCommand = 4 << 10

// parseCommand reads a command line. git quotes the path by single quotes; other clients leave them out.
func parseCommand(line string) (command, bool) {
	words, ok := splitWords(line)
	if !ok || len(words) < 2 {
		return command{}, false
	}
	if words[0] == "git" { // "git upload-pack" is "git-upload-pack"
		words = append([]string{"git-" + words[1]}, words[2:]...)
	}
	if len(words) < 2 || strings.HasPrefix(words[1], "-") {
		return command{}, false // no option of any program is offered
	}
	c := command{words[0], words[1], words[2:]}
	switch c.name {
	case gitserve.UploadPack, gitserve.ReceivePack:
		return c, len(c.args) == 0
	case lfsAuthenticate: // an object id may follow, which nobody needs
		return c, len(c.args) == 1 || len(c.args) == 2
	}
	return command{}, false
}

// splitWords takes a line apart as a shell would, but for everything that makes a shell do something.
func splitWords(line string) (words []string, ok bool) {
	if len(line) > maxCommand {
		return nil, false
	}
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c < 0x20 || c == 0x7f:
			return nil, false
		case quote != 0 && c == quote:
			quote = 0
		case quote == '\'':
			word.WriteByte(c)
		case c == '\\':
			if i++; i == len(line) || line[i] < 0x20 {
				return nil, false
			}
			word.WriteByte(line[i])
			inWord = true
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inWord = c, true
		case quote == 0 && c == ' ':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, quote == 0
}

// repoPath reads the repository's id: 'ns/repo.git', '/ns/repo', 'datasets/ns/repo'.
func repoPath(path string) (hub.RepoID, bool) {
	return hub.ParseRepoPath(strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), ".git"))
}
