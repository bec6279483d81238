// Package mail sends e-mail: plain text to one address, over SMTP, as a job that is queued in the transaction that
// causes it. A hub without an SMTP server writes into its log what it would have sent, so that the operator of a small
// hub can hand a link on.
//
// It knows addresses and texts. It must not know users, nor what a message is about; links come ready made, from the
// hub's configured URL and never from what a request says of itself.
package mail
