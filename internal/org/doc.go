// Package org is organisations and their members. It owns the tables orgs and org_member.
//
// Names come from account, which owns all namespaces. The package stores roles; what a role allows is authz's business.
// It must not know repositories.
package org
