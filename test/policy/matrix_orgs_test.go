package policy

// orgProbes are the requests to the routes of organisations, by route.
var orgProbes = map[string][]probe{
	"createOrganization":         {{body: func(t target) any { return map[string]any{"name": t.fresh} }}},
	"deleteOrganization":         {{body: func(t target) any { return map[string]any{"confirm": t.namespace} }}},
	"renameOrganization":         {{body: func(t target) any { return map[string]any{"name": t.fresh} }}},
	"changeOrganizationSettings": {{body: object(map[string]any{"fullname": "Acme", "joinRequests": true})}},
	"addMember":                  {{body: object(map[string]any{"username": "stranger", "role": "read"})}},
	"setMemberRole":              {{body: object(map[string]any{"role": "write"})}},
	"removeMember":               {{}},
	"leaveOrganization":          {{}},
	"invite":                     {{body: object(map[string]any{"role": "read"})}},
	"revokeInvitation":           {{refused: true}},
	"showInvitation":             {{refused: true, body: object(map[string]any{"code": "none"})}},
	"acceptInvitation":           {{refused: true, body: object(map[string]any{"code": "none"})}},
	"declineInvitation":          {{refused: true, body: object(map[string]any{"code": "none"})}},
	"requestToJoin":              {{prepare: opens, body: object(map[string]any{"message": "please"})}},
	"withdrawJoinRequest":        {{refused: true}},
	"approveJoinRequest":         {{refused: true, body: object(map[string]any{"role": "read"})}},
	"denyJoinRequest":            {{refused: true}},
}

// opens lets others ask to join the organisation.
func opens(m *matrix, t target) {
	m.h.JSON(m.who["orgadmin"], "PATCH", "/api/organizations/"+t.namespace+"/settings", map[string]any{"joinRequests": true}, nil)
}
