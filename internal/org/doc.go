// Package org is organisations, their members, and the ways in: invitations and requests to join. It owns the tables
// orgs, org_member, org_invitation, org_invitation_use and org_join_request.
//
// Names come from account, which owns all namespaces. The package stores roles; what a role allows is authz's business.
// It must not know repositories: what happens to them when an organisation is renamed or deleted comes as functions in
// Hooks.
package org
