// Package accounts tests what people do with their accounts from outside, through HTTP and a real SMTP server: making one,
// proving an address, losing a password, ending sessions; and what others must not be able to do with them.
package accounts
