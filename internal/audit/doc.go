// Package audit reads the log of events for people: who did what to what, when, by what and from where, in words and under
// the names that the Hub's audit log has for it.
//
// It writes nothing. That each change is in the log once, and that the log is whole, is package event's part.
package audit
