package markdown

import (
	"regexp"

	"github.com/microcosm-cc/bluemonday"
)

const linkRel = "nofollow noopener"

// maxDataImage is the length of an image that may stand in the text itself, in characters of its URL.
const maxDataImage = 64 << 10

var (
	// A reference has one of these schemes, or no colon before the first slash, question mark or hash.
	safeLink   = regexp.MustCompile(`^(?:(?i:https?://|mailto:)[^\x00-\x20\\]*|[^\x00-\x20:/?#\\]*(?:[/?#][^\x00-\x20\\]*)?)$`)
	safeImage  = regexp.MustCompile(`^(?:(?i:https?://)[^\x00-\x20\\]*|[^\x00-\x20:/?#\\]*(?:[/?#][^\x00-\x20\\]*)?|data:image/(?:png|gif|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2})$`)
	safeSet    = regexp.MustCompile(`^(?:(?:(?i:https?://)|/|[A-Za-z0-9._-]+(?:/|\s|,|$))[^\x00-\x1f,\\ ]*(?: [0-9.]+[wx])?(?:, |$))+$`)
	anchorID   = regexp.MustCompile(`^` + anchorPrefix + `[^\x00-\x20"'<>&]{1,200}$`)
	codeClass  = regexp.MustCompile(`^(?:hl-[a-z0-9]{1,8}|language-[A-Za-z0-9+#._-]{1,32})$`)
	lengthAttr = regexp.MustCompile(`^[0-9]{1,4}(?:px|%)?$`)
	alignAttr  = regexp.MustCompile(`^(?i:left|right|center|justify|top|middle|bottom)$`)
	mediaQuery = regexp.MustCompile(`^\([a-z-]+: ?[a-z0-9]+\)$`)
	wordAttr   = regexp.MustCompile(`^[A-Za-z0-9 _.,:/+-]{0,100}$`)
	exactRel   = regexp.MustCompile(`^` + linkRel + `$`)
	checkbox   = regexp.MustCompile(`^checkbox$`)
	none       = regexp.MustCompile(`^$`)
)

// policy is what a README may contain. It has a list of what is allowed, so that a new element of HTML is not.
var policy = newPolicy()

func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "dl", "dt", "dd", "pre",
		"code", "samp", "kbd", "var", "tt", "em", "strong", "b", "i", "u", "s", "strike", "del", "ins", "sub", "sup", "small", "mark",
		"abbr", "cite", "dfn", "q", "span", "div", "center", "section", "figure", "figcaption", "details", "summary", "table", "caption",
		"thead", "tbody", "tfoot", "tr", "th", "td", "ruby", "rt", "rp", "picture", "wbr")
	p.AllowAttrs("id", "name").Matching(anchorID).OnElements("a", "h1", "h2", "h3", "h4", "h5", "h6", "div", "span", "p", "li", "sup")
	p.AllowAttrs("class").Matching(codeClass).OnElements("pre", "code", "span")
	p.AllowAttrs("align").Matching(alignAttr).OnElements("p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "img", "table", "tr", "th", "td")
	p.AllowAttrs("width", "height").Matching(lengthAttr).OnElements("img", "table", "th", "td", "video", "source")
	p.AllowAttrs("colspan", "rowspan", "start", "value").Matching(lengthAttr).OnElements("th", "td", "ol", "li")
	p.AllowAttrs("open").Matching(none).OnElements("details")
	p.AllowAttrs("title", "alt").OnElements("img", "a", "abbr")
	p.AllowAttrs("lang", "dir").Matching(wordAttr).Globally()
	allowLinks(p)
	allowMedia(p)
	allowTasks(p)
	return p
}

func allowLinks(p *bluemonday.Policy) {
	p.AllowAttrs("href").Matching(safeLink).OnElements("a")
	p.AllowAttrs("rel").Matching(exactRel).OnElements("a")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(true)
	p.AllowURLSchemes("http", "https", "mailto")
	p.RequireNoFollowOnLinks(true)
}

func allowMedia(p *bluemonday.Policy) {
	p.AllowDataURIImages()
	p.AllowAttrs("src").Matching(safeImage).OnElements("img", "video", "audio", "source")
	p.AllowAttrs("srcset").Matching(safeSet).OnElements("source", "img")
	p.AllowAttrs("media").Matching(mediaQuery).OnElements("source")
	p.AllowAttrs("controls", "loop", "muted").Matching(none).OnElements("video", "audio")
}

func allowTasks(p *bluemonday.Policy) {
	p.AllowAttrs("type").Matching(checkbox).OnElements("input")
	p.AllowAttrs("checked", "disabled").Matching(none).OnElements("input")
}
