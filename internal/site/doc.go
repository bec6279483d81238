// Package site keeps what administrators change about the hub while it runs: who may register, who may create
// organisations, what quotas are given to those who have none of their own. It owns the table site_setting.
//
// What needs a restart, or names files and addresses of the machine, is config's. The package knows values and their
// bounds; what they mean in practice is the business of those who read them, and who may change them is authz's.
package site
