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

	"newOrganizationForm":      {{headers: form, body: func(t target) any { return "name=" + t.fresh }}},
	"organizationSettingsForm": {{headers: form, body: text("fullname=Acme&default=public&create=write")}},
	"renameOrganizationForm":   {{headers: form, body: func(t target) any { return "name=" + t.fresh }}},
	"deleteOrganizationForm":   {{headers: form, body: func(t target) any { return "confirm=" + t.namespace }}},
	"addMemberForm":            {{headers: form, body: text("username=stranger&role=read")}},
	"memberRoleForm":           {{headers: form, body: text("role=write")}},
	"removeMemberForm":         {{headers: form, body: text("")}},
	"leaveOrganizationForm":    {{headers: form, body: text("")}},
	"inviteForm":               {{headers: form, body: text("role=read&life=7")}},
	"revokeInvitationForm":     {{headers: form, body: text(""), refused: true}},
	"answerJoinRequestForm":    {{headers: form, body: text("decision=deny"), refused: true}},
	"joinRequestForm":          {{headers: form, prepare: opens, body: text("decision=request")}},
	"invitationPage":           {{refused: true}}, // nobody has a code
	"invitationForm":           {{headers: form, body: text("code=none&decision=accept"), refused: true}},
}

// opens lets others ask to join the organisation.
func opens(m *matrix, t target) {
	m.h.JSON(m.who["orgadmin"], "PATCH", "/api/organizations/"+t.namespace+"/settings", map[string]any{"joinRequests": true}, nil)
}
