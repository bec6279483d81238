package app

import (
	"context"
	"fmt"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/mail"
)

// tokenLeaked tells a user that somebody has found one of their tokens, which works no more.
func (a *App) tokenLeaked(ctx context.Context, tx *db.Tx, user *account.User, tokenName string) error {
	if user.Email == "" {
		return nil
	}
	text := fmt.Sprintf("Hello %s,\n\nsomebody has found the value of your access token %q outside of %s and reported it. The token has been\n"+
		"revoked and works no more. Look where it was kept, and make another one where you need it.\n", user.Name, tokenName, a.cfg.SiteName)
	return a.mail.Enqueue(ctx, tx, mail.Message{To: user.Email, Subject: "One of your access tokens was found and revoked", Text: text})
}
