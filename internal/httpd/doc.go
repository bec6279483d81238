// Package httpd is the transport that all HTTP doors share: the route table with the right that each route needs,
// who is asking, request ids, error rendering, bounds, rate limits, pagination and ranges.
//
// The doors (hubapi, fileapi, xetapi, gitapi, webui) hand their routes to New. A handler parses, calls one domain
// function, writes, and returns its error; the right stands in the route and is checked before the handler runs.
// httpd knows no SQL, no bytes of any format, and decides nothing about permission itself: authz does.
package httpd
