// Package event keeps the log of what happened: rows written in the transaction that made it happen, so that an event
// exists exactly if its cause does. Webhooks, notifications, search and audit read them in the order of their ids.
//
// It knows nothing of what an event means; the kinds and their data belong to the packages that append them.
package event
