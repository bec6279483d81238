// Package account knows who somebody is: names, users, passwords, access tokens, SSH and OpenPGP keys, sessions, and the
// keys that the hub keeps for itself. It owns the tables namespace, namespace_word, users, token, ssh_key, gpg_key, gpg_key_id, session,
// login_attempt, email_pending, password_reset, hub_invite and secret.
//
// It proves identity and never grants anything: what a user may do is authz's business. It must not know HTTP, nor the
// tables of organisations and repositories; what it needs of them comes as functions in Options.
package account
