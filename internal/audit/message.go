package audit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// texts are what events say, by kind. {word} is a member of the event's data, {repo} the repository.
var texts = map[string]string{
	"org.invitation.create":  "Invited {name} {email} as {role}",
	"org.invitation.revoke":  "Ended an invitation",
	"org.invitation.decline": "{name} declined an invitation",
	"org.request.create":     "{name} asked to join",
	"org.request.withdraw":   "{name} took the request to join back",
	"org.request.deny":       "Denied the request of {name} to join",

	"invite.create": "Made an invitation to the hub",
	"invite.revoke": "Revoked an invitation to the hub",
	"invite.accept": "Accepted an invitation to the hub",

	"hold.add":    "Had the stored bytes of {of} kept: {reason}",
	"hold.remove": "Ended the hold {hold}",

	"storage.damage": "Found stored bytes damaged: {object} ({kind})",

	"job.retry": "Had job {job} ({kind}) tried again",

	"org.create":        "Created the organization {name}",
	"org.delete":        "Deleted the organization {name}",
	"org.rename":        "Renamed the organization {from} to {to}",
	"org.settings":      "Changed settings of the organization",
	"org.member.add":    "Added {name} as {role}",
	"org.member.role":   "Changed the role of {name} from {from} to {role}",
	"org.member.remove": "Removed {name}",
	"org.member.leave":  "{name} left",
	"org.token.revoke":  "Ended the access of the token {name}",
	"org.profile":       "Changed the profile of {name}",
	"org.avatar":        "Changed the picture of {name}",

	"quota.owner": "Changed the storage quota of {name}",
	"quota.repo":  "Changed the storage quota of {repo}",

	"repo.create":        "Created {repo}",
	"repo.delete":        "Deleted {repo}",
	"repo.undelete":      "Brought {repo} back",
	"repo.purge":         "Removed what the deleted {repo} had",
	"repo.disable":       "Disabled {repo}",
	"repo.enable":        "Enabled {repo}",
	"repo.duplicate":     "Duplicated {from} as {repo}",
	"repo.move":          "Moved {name} to {to}",
	"repo.settings":      "Changed settings of {repo}: {members}",
	"repo.commit":        "Committed to {ref} of {repo}",
	"repo.push":          "Pushed to {ref} of {repo}",
	"repo.branch.create": "Created {ref} in {repo}",
	"repo.branch.delete": "Deleted {ref} in {repo}",
	"repo.tag.create":    "Created {ref} in {repo}",
	"repo.tag.delete":    "Deleted {ref} in {repo}",
	"repo.squash":        "Squashed {ref} of {repo}",
	"repo.merge":         "Merged into {ref} of {repo}",
	"repo.large.delete":  "Deleted large files of {repo} for good",
	"repo.large.release": "Gave up old versions of large files of {repo}, of which {keep} are kept",
	"repo.large.lost":    "Gave up large files of {repo} that no commit names",
	"repo.large.copy":    "Copied large files into {repo}",
	"repo.lock":          "Locked {path} in {repo}",
	"repo.unlock":        "Unlocked {path} in {repo}",
	"repo.key.add":       "Added the deploy key {title} to {repo}",
	"repo.key.delete":    "Deleted the deploy key {title} of {repo}",
	"repo.like":          "Liked {repo}",
	"repo.unlike":        "Took back the like of {repo}",

	"session.create":  "Signed in",
	"session.delete":  "Signed out",
	"session.revoke":  "Ended a session",
	"session.blocked": "Too many attempts to sign in",

	"site.settings": "Changed settings of the hub",

	"token.create": "Created the token {name} ({role})",
	"token.revoke": "Revoked the token {name}",
	"token.rotate": "Gave the token {name} a new value",
	"token.leak":   "Revoked the token {name}, which somebody has found",

	"user.create":         "Created the user {name}",
	"user.delete":         "Deleted the user {name}",
	"user.disable":        "Disabled the user {name}",
	"user.enable":         "Enabled the user {name}",
	"user.password":       "Changed the password of {name}",
	"user.admin":          "Made {name} an administrator of the hub, or ended that",
	"user.device.approve": "Let {name} at {from} have a token ({role})",
	"user.device.deny":    "Did not let {name} at {from} have a token",
	"user.email.cancel":   "Gave up the new e-mail address",
	"user.key.add":        "Added the SSH key {title}",
	"user.key.delete":     "Deleted the SSH key {title}",
	"user.gpgkey.add":     "Added the OpenPGP key {title}",
	"user.gpgkey.delete":  "Deleted the OpenPGP key {title}",
	"user.edit":           "Changed the user {name}",
	"user.rename":         "Renamed the user {from} to {to}",
	"user.profile":        "Changed the profile of {name}",
	"user.avatar":         "Changed the picture of {name}",
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// message puts an event into words. A kind without a text of its own says itself and what it is about.
func message(kind string, members map[string]any, repo string) string {
	text, ok := texts[kind]
	if !ok {
		text = strings.TrimSpace(kind + " " + subject(members, repo))
	}
	text = placeholder.ReplaceAllStringFunc(text, func(p string) string {
		switch word := p[1 : len(p)-1]; word {
		case "repo":
			return subject(members, repo)
		case "members":
			return strings.Join(keys(members), ", ")
		default:
			switch v, ok := members[word]; {
			case !ok:
				return "?"
			case v == nil: // it says that there is none
				return ""
			default:
				return fmt.Sprint(v)
			}
		}
	})
	return strings.Join(strings.Fields(text), " ")
}

// subject is the repository, as it was called then if the event says so.
func subject(members map[string]any, repo string) string {
	if name, ok := members["name"].(string); ok && name != "" {
		if typ, ok := members["type"].(string); ok {
			return typ + " " + name
		}
		return name
	}
	return repo
}

func keys(members map[string]any) []string {
	out := make([]string, 0, len(members))
	for k := range members {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
